"""`cuddy try discard`: forget what was changed."""

from __future__ import annotations

from cuddy.cli.flags import Args, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def discard_(home: Home, args: Args) -> int:
    from cuddy.engine import trial_discard

    for name in args.names:
        trial_discard.discard(home, name)
        print(name)
    return 0


COMMAND = Command(
    summary="Forget what trials have changed",
    arguments="TRIAL [TRIAL...]",
    least=1,
    action=discard_,
)
