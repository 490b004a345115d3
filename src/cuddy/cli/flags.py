"""Flags, declared as a table and read by the rules of pflag, which Docker's users' hands know.

    -it   -e A=1   -eA=1   -e=A=1   --env A=1   --env=A=1   --tty=false   --   -

A command file declares one `Command`; `parse` turns the words after its name into `Args`:

    COMMAND = Command(
        summary="Stop one or more running containers",
        arguments="CONTAINER [CONTAINER...]",
        flags=(
            Flag("signal", "s", STRING, "Signal to send to the container"),
            Flag("timeout", "t", INT, "Seconds to wait before killing the container"),
        ),
        least=1,
        action=stop,  # def stop(home: Home, args: Args) -> int
    )

A flag that is not given has its kind's zero, or the default that its row names: False for BOOL,
"" for STRING, () for the kinds that may be repeated, None for the others.
"""

from __future__ import annotations

from cuddy.cli import values
from cuddy.errors import UsageError, WrongArguments
from cuddy.escape import quote
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cuddy.engine.home import Home
    from cuddy.engine.nursery import Nursery


class Kind(NamedTuple):
    """What a flag's value is: the word for it in help texts, and how to read it."""

    name: str
    parse: Callable[[str], Any]
    zero: Any = None
    many: bool = False  # every use adds a value
    alone: str = ""  # what the flag means without a value; '' if it needs one


BOOL = Kind("", values.boolean, False, alone="true")
STRING = Kind("string", str, "")
INT = Kind("int", values.integer)
BYTES = Kind("bytes", values.size)
LIST = Kind("list", str, (), many=True)
STRINGS = Kind("strings", str, (), many=True)
FILTER = Kind("filter", values.filter_, (), many=True)


class Flag(NamedTuple):
    """One row of a command's flags. `hidden` flags work without being shown."""

    name: str
    short: str
    kind: Kind
    help: str
    default: Any = None
    aliases: tuple[str, ...] = ()
    hidden: bool = False
    into: str = ""  # the attribute of `Args` it fills, if that is not its name

    @property
    def shown(self) -> str:
        """The flag as messages name it: `-m, --memory`."""
        return f"-{self.short}, --{self.name}" if self.short else f"--{self.name}"

    @property
    def key(self) -> str:
        """The attribute of `Args` that holds its value."""
        return self.into or self.name.replace("-", "_")

    @property
    def unset(self) -> Any:
        """Its value when it is not given."""
        return self.kind.zero if self.default is None else self.default


class Command(NamedTuple):
    """One command: its line in the help, its flags, and the function that carries it out."""

    summary: str
    action: Callable[[Home, Args], int]
    arguments: str = ""  # one form a line
    flags: tuple[Flag, ...] = ()
    least: int = 0  # positional arguments it needs
    most: int | None = None  # positional arguments it takes
    interspersed: bool = True  # whether flags may follow the first positional argument
    error_code: int = 1  # exit code of an error that has no other: 125 for run and create
    opens_home: bool = True  # False: `home` is only a pair of names
    passes_on: bool = False  # its words are another program's, but for a first --help


class Args:
    """What the user wrote: an attribute per flag (with `_` for `-`), and `names`, the rest."""

    names: list[str]
    given: set[str]  # keys of the flags that were written
    wants_help: bool
    command: str  # as typed: 'cuddy container stop'
    nursery: Nursery | None = None  # of the monitor that the command will need

    def __init__(self, flags: tuple[Flag, ...], command: str) -> None:
        self.__dict__.update((flag.key, flag.unset) for flag in flags)
        self.names = []
        self.given = set()
        self.wants_help = False
        self.command = command

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


HELP = Flag("help", "h", BOOL, "Print usage", hidden=True)


class _Parser:
    """One pass over the words, pflag's `parseArgs`."""

    def __init__(
        self, flags: tuple[Flag, ...], words: list[str], args: Args, *, one_dash: bool
    ) -> None:
        self.words = words
        self.one_dash = one_dash
        self.next = 0
        self.args = args
        self.long = {n: f for f in flags for n in (f.name, *f.aliases)} | {"help": HELP}
        self.short = {"h": HELP} | {flag.short: flag for flag in flags if flag.short}

    def parse(self, interspersed: bool) -> None:
        while self.next < len(self.words) and not self.args.wants_help:
            word = self.words[self.next]
            self.next += 1
            if word == "--":
                break
            if word.startswith("--"):
                self.parse_long(word)
            elif self.one_dash and word[1:].partition("=")[0] in self.long and word[0] == "-":
                self.parse_long(f"-{word}")
            elif word.startswith("-") and word != "-":
                self.parse_shorts(word)
            else:
                self.args.names.append(word)
                if not interspersed:
                    break
        self.args.names.extend(self.words[self.next :])

    def fail(self, message: str, *, suggestion: str = "") -> UsageError:
        meant = f"did you mean {suggestion}? " if suggestion else ""
        return UsageError(message, hint=f"{meant}see '{self.args.command} --help'")

    def parse_long(self, word: str) -> None:
        name, equals, value = word[2:].partition("=")
        if not name or name[0] == "-":
            raise self.fail(f"bad flag syntax: {word}")
        flag = self.long.get(name)
        if flag is None:
            raise self.fail(f"unknown flag: --{name}", suggestion=self.suggest(name))
        if not equals:
            value = flag.kind.alone or self.take(f"--{name}")
        self.set(flag, value)

    def parse_shorts(self, word: str) -> None:
        shorts = word[1:]
        while shorts:
            letter, shorts = shorts[0], shorts[1:]
            flag = self.short.get(letter)
            if flag is None:
                raise self.fail(f"unknown shorthand flag: {letter!r} in -{letter}{shorts}")
            if shorts.startswith("="):
                value, shorts = shorts[1:], ""
            elif flag.kind.alone:
                value = flag.kind.alone
            elif shorts:
                value, shorts = shorts, ""
            else:
                value = self.take(f"{letter!r} in -{letter}")
            self.set(flag, value)

    def take(self, name: str) -> str:
        """The next word, as the value of a flag."""
        if self.next == len(self.words):
            raise self.fail(f"flag needs an argument: {name}")
        self.next += 1
        return self.words[self.next - 1]

    def set(self, flag: Flag, word: str) -> None:
        if flag is HELP:
            self.args.wants_help = True
            return
        try:
            value = flag.kind.parse(word)
        except ValueError as error:
            message = f'invalid argument {quote(word)} for "{flag.shown}" flag: {error}'
            raise self.fail(message) from None
        if flag.kind.many:
            earlier = getattr(self.args, flag.key) if flag.key in self.args.given else ()
            value = (*earlier, value)
        setattr(self.args, flag.key, value)
        self.args.given.add(flag.key)

    def suggest(self, name: str) -> str:
        from cuddy import suggest

        found = suggest.closest(name, self.long)
        return f"--{found}" if found else ""


def parse(
    flags: tuple[Flag, ...],
    words: list[str],
    command: str,
    *,
    interspersed: bool = True,
    one_dash: bool = False,
) -> Args:
    """Read words by a table of flags; stops at `--help`. Raises UsageError.

    `one_dash`: a long name may have one dash only, as Go's own programs take it.
    """
    args = Args(flags, command)
    _Parser(flags, words, args, one_dash=one_dash).parse(interspersed)
    return args


def parse_command(command: Command, words: list[str], name: str) -> Args:
    """Read the words after a command's name. Raises UsageError, WrongArguments."""
    if command.passes_on and words[:1] not in (["--help"], ["-h"]):
        args = Args(command.flags, name)
        args.names = words
        return args
    args = parse(command.flags, words, name, interspersed=command.interspersed)
    if not args.wants_help:
        check_count(command, args)
    return args


def check_count(command: Command, args: Args) -> None:
    """The number of positional arguments is right. Raises WrongArguments."""
    least, most, count = command.least, command.most, len(args.names)
    if least <= count and (most is None or count <= most):
        return
    if most == 0:
        wants = "accepts no arguments"
    elif least == most:
        wants = f"requires {least} argument{'s' * (least != 1)}"
    elif count < least:
        wants = f"requires at least {least} argument{'s' * (least != 1)}"
    else:
        wants = f"requires at most {most} argument{'s' * (most != 1)}"
    shown = usage(command, args.command).replace("\n\t", " or ")
    raise WrongArguments(f"'{args.command}' {wants}", hint=f"usage: {shown}")


def usage(command: Command, name: str) -> str:
    """The line that shows how a command is written, or one for each form of its arguments."""
    options = "[OPTIONS]" if any(not flag.hidden for flag in command.flags) else ""
    forms = command.arguments.split("\n")
    return "\n\t".join(" ".join(word for word in (name, options, form) if word) for form in forms)
