"""`cuddy cp`: copy files between a container and the host."""

from __future__ import annotations

import os

from cuddy.cli.flags import BOOL, Args, Command, Flag
from cuddy.cli.meter import QUIET, Meter, is_quiet
from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def cp_(home: Home, args: Args) -> int:
    from cuddy.engine import cp, cp_paths

    source, target = cp_paths.parse_pair(*args.names)
    options = cp.Options(archive=args.archive, follow_link=args.follow_link)
    if target.container:
        meter = Meter("Copying to container - ", quiet=is_quiet(args))
        total = cp.cp_in(
            home, absolute(source.path), target.container, target.path, options, meter.hear
        )
        meter.finish("Successfully copied", total, f"to {target.container}:{target.path}")
        return 0
    where = absolute(target.path)
    check_stream(where)
    meter = Meter("Copying from container - ", quiet=is_quiet(args) or where == cp_paths.STREAM)
    total = cp.cp_out(home, source.container, source.path, where, options, meter.hear)
    meter.finish("Successfully copied", total, f"to {where}")
    return 0


def absolute(path: str) -> str:
    """A path of the host from its root, with its last slash or dot."""
    from cuddy.engine import cp_paths

    if path == cp_paths.STREAM:
        return path
    return cp_paths.tidy(path if path.startswith("/") else f"{os.getcwd()}/{path}")


def check_stream(where: str) -> None:
    """Whether what goes to standard output may. Raises InvalidArgument."""
    from cuddy.engine import cp_paths

    if where == cp_paths.STREAM and os.isatty(1):
        hint = "redirect it, or name a file"
        raise InvalidArgument("cowardly refusing to write an archive to a terminal", hint=hint)


COMMAND = Command(
    summary="Copy files/folders between a container and the local filesystem",
    arguments="CONTAINER:SRC_PATH DEST_PATH|-\nSRC_PATH|- CONTAINER:DEST_PATH",
    flags=(
        Flag("archive", "a", BOOL, "Archive mode (copy all uid/gid information)"),
        Flag("follow-link", "L", BOOL, "Always follow symbol link in SRC_PATH"),
        QUIET,
    ),
    least=2,
    most=2,
    action=cp_,
)
