"""`python -m cuddy`."""

from __future__ import annotations

import sys

from cuddy.cli.main import main

sys.exit(main(sys.argv[1:]))
