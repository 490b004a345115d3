"""`cuddy save`: write images to an archive."""

from __future__ import annotations

from cuddy.cli.flags import STRING, Args, Command, Flag
from cuddy.cli.output import Output
from cuddy.errors import InvalidArgument
from cuddy.image import host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def save_(home: Home, args: Args) -> int:
    if host.NAME in args.names:
        raise InvalidArgument(
            f"{host.NAME} cannot be saved: it is this machine itself, not an image in the store"
        )
    from cuddy.engine import save

    with Output(args.output) as fd:
        save.save(home, args.names, fd, platform_name=args.platform)
    return 0


COMMAND = Command(
    summary="Save one or more images to a tar archive (streamed to STDOUT by default)",
    arguments="IMAGE [IMAGE...]",
    flags=(
        Flag("output", "o", STRING, "Write to a file, instead of STDOUT"),
        Flag(
            "platform",
            "",
            STRING,
            'Save only the given platform variant. Formatted as "os[/arch[/variant]]" '
            '(e.g., "linux/amd64")',
        ),
    ),
    least=1,
    action=save_,
)
