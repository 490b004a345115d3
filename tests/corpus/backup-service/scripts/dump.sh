echo dump "$@"
