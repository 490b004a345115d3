"""`cuddy info`: what the engine has, and what this machine offers."""

from __future__ import annotations

import os
import sys

from cuddy import __version__
from cuddy.cli import boundary, inspection
from cuddy.cli.flags import STRING, Args, Command, Flag
from cuddy.cli.table import JSON_FORMAT_HELP
from cuddy.engine import info
from cuddy.escape import printable
from cuddy.sizes import human_memory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from cuddy.engine.home import Home


def info_(home: Home, args: Args) -> int:
    found = info.info(home)
    if args.format:
        client = {"Debug": False, "Version": __version__, "Context": "default", "Plugins": [],
                  "Warnings": None}  # fmt: skip
        sys.stdout.write(inspection.render_one(found | {"ClientInfo": client}, args.format))
        return 0
    text = "".join(f"{line}\n" for line in lines(found))
    sys.stdout.write(printable(text, keep="\n") if os.isatty(1) else text)
    sys.stdout.flush()
    boundary.warn([each.removeprefix("WARNING: ") for each in found["Warnings"] or ()])
    return 0


def lines(found: dict[str, Any]) -> Iterator[str]:
    """What docker's client prints of it, in that order; two lines are ours."""
    yield from ("Client:", f" Version:    {__version__}", " Context:    default", "", "Server:")
    yield f" Containers: {found['Containers']}"
    for name in ("Running", "Paused", "Stopped"):
        yield f"  {name}: {found[f'Containers{name}']}"
    yield f" Images: {found['Images']}"
    yield f" Server Version: {found['ServerVersion']}"
    yield f" Storage Driver: {found['Driver']}"
    yield from (f"  {name}: {value}" for name, value in found["DriverStatus"])
    for title in ("Logging Driver", "Cgroup Driver", "Cgroup Version"):
        yield f" {title}: {found[title.replace(' ', '')]}"
    yield " Plugins:"
    for name in ("Volume", "Network", "Log"):
        yield f"  {name}: {' '.join(found['Plugins'][name])}"
    yield f" Swarm: {found['Swarm']['LocalNodeState']}"
    yield f" Runtimes: {' '.join(found['Runtimes'])}"
    yield f" Default Runtime: {found['DefaultRuntime']}"
    yield " Security Options:"
    for option in found["SecurityOptions"]:
        name, *details = option.split(",")
        yield f"  {name.removeprefix('name=')}"
        yield from (f"   Profile: {each[8:]}" for each in details if each.startswith("profile="))
    for title in ("Kernel Version", "Operating System", "OSType", "Architecture"):
        yield f" {title}: {found[title.replace(' ', '')]}"
    yield f" CPUs: {found['NCPU']}"
    yield f" Total Memory: {human_memory(found['MemTotal'])}"
    for title in ("Name", "ID", "Cuddy Root Dir", "Cuddy Run Root"):
        yield f" {title}: {found[title.replace(' ', '')]}"
    yield " Experimental: false"
    yield " Live Restore Enabled: true"
    yield ""


COMMAND = Command(
    summary="Display system-wide information",
    flags=(Flag("format", "f", STRING, JSON_FORMAT_HELP),),
    most=0,
    action=info_,
)
