#!/bin/sh
echo "sum: $(($1 + $2))"
