[ "$(sh app.sh 2 3)" = "sum: 5" ] && echo "1 passed"
