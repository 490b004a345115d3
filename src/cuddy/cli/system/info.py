"""`cuddy info`: what the engine has, and what this machine offers."""

from __future__ import annotations

import sys

from cuddy import __version__
from cuddy.cli import inspection
from cuddy.cli.flags import STRING, Args, Command, Flag
from cuddy.cli.sizes import human_memory
from cuddy.cli.table import JSON_FORMAT_HELP
from cuddy.engine import info

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.home import Home

# Title, and the field that has its value; those that begin with a blank belong to the one above.
_LINES = (
    ("Containers", "Containers"),
    (" Running", "ContainersRunning"),
    (" Paused", "ContainersPaused"),
    (" Stopped", "ContainersStopped"),
    ("Images", "Images"),
    ("Server Version", "ServerVersion"),
    ("Storage Driver", "Driver"),
    ("Logging Driver", "LoggingDriver"),
    ("Cgroup Driver", "CgroupDriver"),
    ("Cgroup Version", "CgroupVersion"),
    ("Default Runtime", "DefaultRuntime"),
    ("Kernel Version", "KernelVersion"),
    ("Operating System", "OperatingSystem"),
    ("OSType", "OSType"),
    ("Architecture", "Architecture"),
    ("CPUs", "NCPU"),
    ("Total Memory", "MemTotal"),
    ("Name", "Name"),
    ("Cuddy Root Dir", "CuddyRootDir"),
    ("Cuddy Run Root", "CuddyRunRoot"),
)


def info_(home: Home, args: Args) -> int:
    found = info.info(home)
    if args.format:
        found["ClientInfo"] = {"Version": __version__, "Context": "default", "Plugins": []}
        sys.stdout.write(inspection.render_one(found, args.format))
    else:
        sys.stdout.write(_text(found))
    return 0


def _text(found: dict[str, Any]) -> str:
    lines = ["Client:", f" Version:    {__version__}", " Context:    default", "", "Server:"]
    for title, field in _LINES:
        value = human_memory(found[field]) if field == "MemTotal" else found[field]
        lines.append(f" {title}: {value}")
    lines.append(" Security Options:")
    for option in found["SecurityOptions"]:
        name, *details = option.split(",")
        lines.append(f"  {name.removeprefix('name=')}")
        lines += [f"   {key.title()}: {value}" for key, _, value in _pairs(details)]
    return "\n".join(lines) + "\n"


def _pairs(details: list[str]) -> list[tuple[str, str, str]]:
    return [detail.partition("=") for detail in details]


COMMAND = Command(
    summary="Display system-wide information",
    flags=(Flag("format", "f", STRING, JSON_FORMAT_HELP),),
    most=0,
    action=info_,
)
