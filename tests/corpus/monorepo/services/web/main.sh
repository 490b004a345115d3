echo "web"
