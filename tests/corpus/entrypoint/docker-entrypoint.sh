#!/bin/sh
set -e
for script in /docker-entrypoint-init.d/*.sh; do
    . "$script"
done
exec "$@"
