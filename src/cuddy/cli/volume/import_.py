"""`cuddy volume import`: fill a volume from a tar archive."""

from __future__ import annotations

import os

from cuddy.cli.flags import BOOL, Args, Command, Flag
from cuddy.cli.meter import QUIET, Meter, is_quiet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def import_(home: Home, args: Args) -> int:
    from cuddy.cli.image.import_ import read
    from cuddy.engine import registries, volume_import

    name, *source = args.names
    meter = Meter("Importing - ", quiet=is_quiet(args))
    total = volume_import.import_(
        home,
        name,
        read(source[0] if source else "-"),
        replace=args.replace,
        limit=registries.max_bytes(os.environ, "LAYER"),
        progress=meter.hear,
    )
    meter.finish("Successfully imported", total, f"to {name}")
    print(name)
    return 0


COMMAND = Command(
    summary="Fill a new or empty volume from a tar archive, compressed or not",
    arguments="VOLUME [FILE|-]",
    flags=(
        QUIET,
        Flag("replace", "", BOOL, "Put the archive's contents in the place of the volume's"),
    ),
    least=1,
    most=2,
    action=import_,
)
