"""What a rule of docker's build checks finds, and what rules may have to know of the world."""

from __future__ import annotations

from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cuddy.builder.instructions import From, Place

RULE_URL = "https://docs.docker.com/go/dockerfile/rule/"


class Finding(NamedTuple):
    """One thing a rule has found."""

    rule: str
    message: str
    place: Place

    @property
    def short(self) -> str:
        """In one line."""
        return f"{self.rule}: {self.message} (line {self.place.line})"

    @property
    def url(self) -> str:
        """Where docker explains the rule: `JSONArgsRecommended` is json-args-recommended."""
        words: list[str] = []
        for at, each in enumerate(self.rule):
            after = self.rule[at + 1 : at + 2]
            if each.isupper() and (not words or after.islower()):
                words.append("")
            words[-1] += each.lower()
        return f"{RULE_URL}{'-'.join(words)}/"


class Surroundings(NamedTuple):
    """What a Dockerfile does not say itself, as far as it is known."""

    # variables of a base image; None: nobody knows
    environment: Callable[[From], Mapping[str, str] | None] = lambda _: None
    # whether a source of COPY is left out of the context by .dockerignore
    is_ignored: Callable[[str], bool] = lambda _: False
