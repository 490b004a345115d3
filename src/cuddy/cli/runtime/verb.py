"""What a verb of `cuddy-runtime` declares, and what it is given when it is called.

Flags are read by the rules of `cuddy.cli.flags`, and as Go's programs take them: one dash will do
for a long name. The words for wrong arguments are runc's.
"""

from __future__ import annotations

from cuddy.cli import flags
from cuddy.errors import UsageError
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cuddy.cli.flags import Args, Flag
    from cuddy.cli.runtime.log import Log


class Call(NamedTuple):
    """One call of a verb: where the containers' state is, its words, the global flags, and the
    log."""

    root: str
    args: Args
    asked: Args
    log: Log

    @property
    def id(self) -> str:
        """The container that the verb is about."""
        return self.args.names[0]


class Verb(NamedTuple):
    """One verb: its line in the help, its flags, and the function that carries it out."""

    summary: str
    action: Callable[[Call], int]
    arguments: str = ""
    flags: tuple[Flag, ...] = ()
    least: int = 0  # positional arguments it needs
    most: int | None = None  # positional arguments it takes
    interspersed: bool = True  # whether flags may follow the first positional argument
    error_code: int = 1
    failure: str = ""  # what its errors begin with


def parse(verb: Verb, words: list[str], name: str) -> Args:
    """Read the words after a verb's name. Raises UsageError."""
    args = flags.parse(
        verb.flags, words, f"cuddy-runtime {name}", interspersed=verb.interspersed, one_dash=True
    )
    if not args.wants_help:
        check_count(verb, args, name)
    return args


def check_count(verb: Verb, args: Args, name: str) -> None:
    """The number of positional arguments is right, and no id is empty. Raises UsageError."""
    count = len(args.names)
    if count < verb.least:
        kind = "exactly" if verb.least == verb.most else "a minimum of"
        raise UsageError(f'cuddy-runtime: "{name}" requires {kind} {verb.least} argument(s)')
    if verb.most is not None and count > verb.most:
        kind = "exactly" if verb.least == verb.most else "a maximum of"
        raise UsageError(f'cuddy-runtime: "{name}" requires {kind} {verb.most} argument(s)')
    if verb.least and not args.names[0]:
        raise UsageError("container id cannot be empty")
