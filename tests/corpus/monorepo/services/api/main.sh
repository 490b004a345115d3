echo "api $VERSION"
