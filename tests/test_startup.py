"""Start-up is a feature: what a command imports it pays for, every time, in time and in memory.

Each command is run for real with `-X importtime`, which lists every module as it is imported,
in the monitor and the container's init as well, since they inherit standard error.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src"
COSTLY = {
    "abc", "argparse", "array", "asyncio", "base64", "collections", "contextlib", "copy",
    "ctypes", "dataclasses", "datetime", "email", "enum", "functools", "glob", "hashlib", "heapq",
    "http", "inspect", "ipaddress", "json", "logging", "multiprocessing", "operator", "pathlib",
    "platform", "random", "re", "selectors", "shutil", "signal", "socket", "ssl", "string",
    "subprocess", "tarfile", "tempfile", "textwrap", "threading", "traceback", "types", "typing",
    "urllib", "uuid", "warnings", "weakref", "zlib",
    "backports", "isal", "rich", "urllib3",
}  # fmt: skip
START = f"import sys; sys.path.insert(0, {str(SOURCE)!r}); "
RUN = START + "from cuddy.cli.main import main; sys.exit(main(sys.argv[1:]))"


def imported(code: str, *words: str) -> set[str]:
    """Top-level modules that a bare interpreter imports while it runs `code`."""
    command = [sys.executable, "-I", "-S", "-X", "importtime", "-c", code, *words]
    result = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert result.returncode == 0, result.stderr
    lines = re.findall(r"^import time: +\d+ \| +\d+ \| *([\w.]+)$", result.stderr, re.MULTILINE)
    return {name.split(".")[0] for name in lines} - BARE


def bare() -> set[str]:
    command = [sys.executable, "-I", "-S", "-c", "import sys; print(*sys.modules)"]
    return set(subprocess.check_output(command, text=True).split())


BARE = bare()


def test_importing_cuddy_imports_nothing_costly() -> None:
    assert imported(START + "import cuddy") & COSTLY == set()


def test_no_command_line_is_as_cheap_as_it_can_be() -> None:
    assert imported(RUN, "--version") & COSTLY == set()
