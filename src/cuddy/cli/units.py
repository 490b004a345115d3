"""systemd units that call this program: how they spell it."""

from __future__ import annotations

import os
import sys

from cuddy.engine.home import DEFAULT_ROOT, DEFAULT_RUN_ROOT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def program(home: Home) -> str:
    """How a unit calls this program: by absolute path, with this home."""
    import shutil

    words = [shutil.which("cuddy") or f"{sys.executable} -P -m cuddy"]
    if words[0].startswith("."):
        words[0] = os.path.abspath(words[0])
    for flag, path, default in (
        ("--root", home.root, DEFAULT_ROOT),
        ("--runroot", home.run_root, DEFAULT_RUN_ROOT),
    ):
        if path != default:
            words.append(f"{flag} {quote(os.path.abspath(path))}")
    return " ".join(words)


def quote(path: str) -> str:
    """A word of a command line in a unit file: systemd.syntax(7) and systemd.service(5)."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if escaped != path or " " in path else path
