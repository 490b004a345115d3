"""What variables mean in a Dockerfile: ARG and ENV, and the arguments that are always there.

    scope = Scope(given, globals)      at the beginning of a stage
    scope.declare(arg, own, escape)    ARG; `own` has the environment
    scope.values(own)                  for whatever has $variables; ENV hides ARGs above it

Dockerfile reference, "Understand how ARG and FROM interact", "Predefined ARGs", "Automatic platform
ARGs in the global scope".
"""

from __future__ import annotations

from cuddy.errors import InvalidArgument
from cuddy.image import words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cuddy.builder.instructions import Arg
    from cuddy.image.changes import Own
    from cuddy.image.platform import Platform

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
PREDEFINED = frozenset((*PROXIES, *(name.lower() for name in PROXIES)))
"""RUN sees them without ARG; they are in no history, and no reason to run anything again."""
EPOCH = "SOURCE_DATE_EPOCH"
MAX_CHARACTERS = 64 << 20
"""So much may come of all variables in all instructions of a stage."""
FRONTEND = ("BUILDKIT_", "BUILD_CONTEXT_")
"""What begins so is for builders, not for Dockerfiles."""


def parse(texts: Iterable[str]) -> dict[str, str]:
    """--build-arg NAME=VALUE; the last of a name counts. Raises InvalidArgument."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name:
            raise InvalidArgument(f"invalid build argument {text!r}", hint="NAME=VALUE")
        if equals:
            found[name] = value
    return found


def date(given: dict[str, str], timestamp: int | None) -> tuple[dict[str, str], int | None]:
    """The moment that all is dated to, in seconds, and the arguments with what an ARG sees of it.

    `timestamp` counts before SOURCE_DATE_EPOCH (reproducible-builds.org). Raises InvalidArgument.
    """
    if timestamp is not None:
        return {EPOCH: str(timestamp), **given}, timestamp
    text = given.get(EPOCH)
    if not text:
        return given, None
    if not (text.isdecimal() and text.isascii() and len(text) < 12):
        raise InvalidArgument(f"invalid {EPOCH} {text[:40]!r}", hint="seconds since 1970")
    return given, int(text)


def of_platforms(build: Platform, target: Platform, stage: str) -> dict[str, str]:
    """The automatic arguments: where the build runs, for what, and up to which stage."""
    found = {"TARGETSTAGE": stage or "default"}
    for prefix, platform in (("BUILD", build), ("TARGET", target)):
        found |= {
            f"{prefix}PLATFORM": str(platform),
            f"{prefix}OS": platform.os,
            f"{prefix}ARCH": platform.architecture,
            f"{prefix}VARIANT": platform.variant,
        }
    return found


def of_globals(
    found: Sequence[Arg], given: Mapping[str, str], automatic: Mapping[str, str], escape: str
) -> tuple[dict[str, str], dict[str, str]]:
    """The arguments above the first FROM: all that FROM may use, and those that were declared."""
    values = dict(automatic)
    known = Values(values)
    declared = {}
    for arg in found:
        for name, default in arg.pairs:
            if name in given:
                value: str | None = given[name]
            elif default is None:
                value = automatic.get(name)
            else:
                value = words.expand(default, known, escape)
            if value is not None:
                values[name] = declared[name] = value
    return values, declared


class Values:
    """What variables are worth: of an ENV and an ARG of the same name the lower one counts."""

    def __init__(self, declared: Mapping[str, str], own: Own | None = None) -> None:
        self.declared = declared
        self.own = own
        self.left = MAX_CHARACTERS

    def get(self, name: str) -> str | None:
        """What a variable is worth. Raises InvalidArgument if all together are worth too much."""
        found = self.own.get(name) if self.own and name not in self.own.hidden else None
        if found is None:
            found = self.declared.get(name)
        self.left -= len(found or "")
        if self.left < 0:
            raise InvalidArgument("the variables of a stage are worth too much all together")
        return found


class Scope:
    """The arguments of one stage, as far as it has come. `inherited`: of the stage it is based on.

    `known`: what an ARG without a default may mean: global and automatic arguments.
    """

    def __init__(
        self, given: Mapping[str, str], known: Mapping[str, str], inherited: Mapping[str, str]
    ) -> None:
        self.given = given
        self.known = known
        self.declared = dict(inherited)
        self._values: Values | None = None

    def declare(self, arg: Arg, own: Own, escape: str) -> None:
        """An ARG in the stage: given by the user, its default, or what is known of that name."""
        values = self.values(own)
        for name, default in arg.pairs:
            name = words.expand(name, values, escape)
            if name in self.given:
                value: str | None = self.given[name]
            elif default is not None:
                value = words.expand(default, values, escape)
            else:
                value = self.known.get(name)
            if value is not None:
                self.declared[name] = value
                own.hidden.add(name)

    def values(self, own: Own) -> Values:
        """All variables, at any time what they are worth then."""
        if self._values is None:
            self._values = Values(self.declared, own)
        return self._values

    def effective(self, own: Own) -> dict[str, str]:
        """The arguments that RUN sees: those that no variable of the environment hides."""
        return {
            name: value
            for name, value in self.declared.items()
            if name in own.hidden or name not in own.places
        }

    def proxies(self) -> dict[str, str]:
        """The predefined arguments that the user gave, for RUN only."""
        return {name: value for name, value in self.given.items() if name in PREDEFINED}


def unused(given: Mapping[str, str], declared: Iterable[str]) -> list[str]:
    """The arguments that were given and that no ARG has asked for, as far as that is a mistake."""
    asked = {*declared, *PREDEFINED, EPOCH}
    return [name for name in given if name not in asked and not name.startswith(FRONTEND)]
