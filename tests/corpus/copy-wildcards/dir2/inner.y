inner 2
