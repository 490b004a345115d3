"""`cuddy volume cp`: copy files between a volume and the host, or between volumes."""

from __future__ import annotations

from cuddy.cli.container import cp as container_cp
from cuddy.cli.flags import Args, Command
from cuddy.cli.meter import Meter, is_quiet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def cp_(home: Home, args: Args) -> int:
    from cuddy.engine import cp, cp_paths, volume_cp

    source, target = cp_paths.parse_pair(*args.names, kind="volume")
    options = cp.Options(archive=args.archive, follow_link=args.follow_link)
    if not source.container:
        source = source._replace(path=container_cp.absolute(source.path))
    where = f"{target.container}:{target.path}"
    if not target.container:
        where = container_cp.absolute(target.path)
        target = target._replace(path=where)
        container_cp.check_stream(where)
    words = "Copying to volume - " if target.container else "Copying from volume - "
    meter = Meter(words, quiet=is_quiet(args) or where == cp_paths.STREAM)
    total = volume_cp.copy(home, source, target, options, meter.hear)
    meter.finish("Successfully copied", total, f"to {where}")
    return 0


COMMAND = Command(
    summary="Copy files/folders between a volume and the local filesystem, or between volumes",
    arguments="VOLUME:SRC_PATH DEST_PATH|-\nSRC_PATH|- VOLUME:DEST_PATH\n"
    "VOLUME:SRC_PATH VOLUME:DEST_PATH",
    flags=container_cp.COMMAND.flags,
    least=2,
    most=2,
    action=cp_,
)
