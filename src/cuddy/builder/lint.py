"""What docker's build checks say of a Dockerfile that can be built, but not as its author may think
(Docker documentation, "Build checks"): which rules are asked, and how findings are shown.

    # check=skip=JSONArgsRecommended,StageNameCasing;error=true
"""

from __future__ import annotations

from cuddy.builder.findings import Finding, Surroundings
from cuddy.errors import InvalidArgument
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cuddy.builder.dockerfile import Dockerfile

ALL = "all"
MOST_SHOWN = 10
EXPERIMENTAL = ("InvalidDefinitionDescription",)
"""Rules that have to be asked for."""
_TRUE, _FALSE = ("1", "t", "true"), ("0", "f", "false")


class Options(NamedTuple):
    """`skip=A,B|all;error=true;experimental=A,B|all`."""

    skip: tuple[str, ...] = ()
    experimental: tuple[str, ...] = ()
    is_error: bool = False

    def asks(self, rule: str) -> bool:
        """Whether a rule counts."""
        if rule in EXPERIMENTAL:
            return ALL in self.experimental or rule in self.experimental
        return ALL not in self.skip and rule not in self.skip


def options(text: str) -> Options:
    """Options as the directive `check` has them. Raises InvalidArgument."""
    found = Options()
    for part in text.split(";") if text.strip() else ():
        key, sign, value = (each.strip() for each in part.partition("="))
        names = tuple(name.strip() for name in value.split(","))
        if sign and key == "skip":
            found = found._replace(skip=names)
        elif sign and key == "experimental":
            found = found._replace(experimental=names)
        elif sign and key == "error" and value.lower() in (*_TRUE, *_FALSE):
            found = found._replace(is_error=value.lower() in _TRUE)
        else:
            raise InvalidArgument(
                f"invalid check option {part.strip()!r}",
                hint="skip=RULE,... or experimental=RULE,... or error=true, with ; between them",
            )
    return found


def check(
    dockerfile: Dockerfile,
    asked: Options | None = None,
    surroundings: Surroundings | None = None,
) -> list[Finding]:
    """What the rules find, in the order of the lines. `asked`: other options than the file's own.

    Raises InvalidArgument for options that mean nothing.
    """
    from cuddy.builder import lint_rules

    if asked is None:
        asked = options(dockerfile.directives.get("check", ""))
    found = []
    for finding, comments in lint_rules.findings(dockerfile, surroundings or Surroundings()):
        if _with_comments(asked, comments).asks(finding.rule):
            found.append(finding)
    return sorted(found, key=lambda each: each.place)


def refuse(dockerfile: Dockerfile, found: Sequence[Finding]) -> InvalidArgument:
    """The error that findings are, where they are one."""
    rules = ", ".join(dict.fromkeys(each.rule for each in found))
    error = InvalidArgument(f"lint violation found for rules: {rules}")
    error.excerpt = "\n\n".join(shown(dockerfile, each) for each in found[:MOST_SHOWN])
    return error


def shown(dockerfile: Dockerfile, finding: Finding) -> str:
    """The finding with its lines, as docker shows it."""
    from cuddy.builder import excerpt

    lines = excerpt.around(dockerfile.name, dockerfile.lines, finding.place)
    return f"WARNING: {finding.rule} - {finding.url}\n{finding.message}\n\n{lines}"


def _with_comments(asked: Options, comments: Iterable[str]) -> Options:
    """`# check=skip=RULE` above an instruction counts for it too."""
    for comment in comments:
        key, sign, value = (each.strip() for each in comment.partition("="))
        if not sign or key.lower() != "check" or not value:
            continue
        try:
            more = options(value.split(" ")[0])
        except InvalidArgument:
            return asked
        return asked._replace(
            skip=(*asked.skip, *more.skip),
            experimental=(*asked.experimental, *more.experimental),
        )
    return asked
