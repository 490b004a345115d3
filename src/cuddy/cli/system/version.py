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
        "PythonVersion": engine["PythonVersion"],
        "Os": engine["Os"],
        "Arch": engine["Arch"],
        "Context": "default",
    }


def _text(found: dict[str, Any]) -> str:
    client, engine = found["Client"], found["Server"]
    rows = [
        ("Version", client["Version"]),
        ("API version", client["ApiVersion"]),
        ("Python version", client["PythonVersion"]),
        ("OS/Arch", f"{client['Os']}/{client['Arch']}"),
    ]
    kernel = [("Minimum API", engine["MinAPIVersion"]), ("Kernel version", engine["KernelVersion"])]
    return "Client:\n" + _rows(rows, 1) + "\nServer:\n Engine:\n" + _rows([*rows, *kernel], 2)


def _rows(rows: list[tuple[str, str]], indent: int) -> str:
    return "".join(f"{' ' * indent}{f'{name}:':<{20 - indent}}{value}\n" for name, value in rows)


COMMAND = Command(
    summary="Show the version information of cuddy",
    flags=(Flag("format", "f", STRING, JSON_FORMAT_HELP),),
    most=0,
    opens_home=False,
    action=version,
)
