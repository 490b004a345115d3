"""`cuddy rmi`: remove images."""

from __future__ import annotations

import os

from cuddy.cli import boundary
from cuddy.cli.flags import BOOL, STRINGS, Args, Command, Flag
from cuddy.engine import rmi
from cuddy.errors import NoSuchImage
from cuddy.escape import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def rmi_(home: Home, args: Args) -> int:
    show = printable if os.isatty(1) else str

    def remove(name: str) -> None:
        try:
            records = rmi.rmi(home, name, force=args.force, platforms=args.platform)
        except NoSuchImage as error:
            # What is not there need not be forced away: docker says so and is content.
            if not args.force:
                raise
            boundary.complain(str(error), 0)
        else:
            for what, which in records:
                print(f"{what}: {show(which)}", flush=True)

    return boundary.each(args.names, remove)


COMMAND = Command(
    summary="Remove one or more images",
    arguments="IMAGE [IMAGE...]",
    flags=(
        Flag("force", "f", BOOL, "Force removal of the image"),
        Flag("no-prune", "", BOOL, "Do not delete untagged parents"),
        Flag("platform", "", STRINGS, "Remove only if the image is for this os[/arch[/variant]]"),
    ),
    least=1,
    action=rmi_,
)
