"""`cuddy version`: versions of cuddy and of what it stands on."""

from __future__ import annotations

import sys

from cuddy.cli import inspection
from cuddy.cli.flags import STRING, Args, Command, Flag
from cuddy.cli.table import JSON_FORMAT_HELP
from cuddy.engine import info

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.home import Home


def version(home: Home, args: Args) -> int:
    engine = info.version()
    found = {"Client": _client(engine), "Server": engine}
    sys.stdout.write(inspection.render_one(found, args.format) if args.format else _text(found))
    return 0


def _client(engine: dict[str, Any]) -> dict[str, Any]:
    """What docker's client says of itself: here client and engine are one program."""
    return {
        "Version": engine["Version"],
        "ApiVersion": engine["ApiVersion"],
        "DefaultAPIVersion": engine["ApiVersion"],
        "GitCommit": engine["GitCommit"],
        "GoVersion": engine["GoVersion"],
        "BuildTime": engine["BuildTime"],
        "PythonVersion": engine["PythonVersion"],
        "Os": engine["Os"],
        "Arch": engine["Arch"],
        "Context": "default",
    }


def _text(found: dict[str, Any]) -> str:
    client, engine = found["Client"], found["Server"]
    rows = {
        "Version": client["Version"],
        "API version": client["ApiVersion"],
        "Python version": client["PythonVersion"],
        "OS/Arch": f"{client['Os']}/{client['Arch']}",
    }
    least = f"{engine['ApiVersion']} (minimum version {engine['MinAPIVersion']})"
    more = {"Kernel version": engine["KernelVersion"], "Experimental": "false"}
    server = _rows(rows | {"API version": least} | more, 2)
    client_rows = _rows(rows | {"Context": client["Context"]}, 1)
    return f"Client:\n{client_rows}\nServer:\n Engine:\n{server}"


def _rows(rows: dict[str, str], indent: int) -> str:
    lines = (f"{f'{name}:':<{20 - indent}}{value}" for name, value in rows.items())
    return "".join(f"{' ' * indent}{line}\n" for line in lines)


COMMAND = Command(
    summary="Show the version information of cuddy",
    flags=(Flag("format", "f", STRING, JSON_FORMAT_HELP),),
    most=0,
    opens_home=False,
    action=version,
)
