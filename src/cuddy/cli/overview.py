"""What `cuddy --help` prints, and `cuddy GROUP --help`: the commands with a line for each."""

from __future__ import annotations

from cuddy.cli import help
from cuddy.cli.verbs import GROUP_SUMMARIES, GROUPS, MOST_USED, VERBS, load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cuddy.cli.flags import Flag


def overview(global_flags: Iterable[Flag]) -> str:
    """What `cuddy --help` prints."""
    rest = sorted(verb for verb in VERBS if verb not in MOST_USED)
    sections = [
        "Usage:  cuddy [OPTIONS] COMMAND",
        "A container engine without a daemon",
        help.list_commands("Common Commands", _summaries(VERBS, MOST_USED)),
        help.list_commands("Management Commands", _groups("")),
        help.list_commands("Commands", _summaries(VERBS, rest)),
        "\n".join(["Global Options:", *help.flag_lines(global_flags, help.columns() - 1)]),
        "Run 'cuddy COMMAND --help' for more information on a command.",
    ]
    return "\n\n".join(sections) + "\n"


def group_overview(group: str) -> str:
    """What `cuddy GROUP --help` prints."""
    seen: dict[str, str] = {}  # one name for each module: the first
    for verb, module in GROUPS[group].items():
        seen.setdefault(module, verb)
    sections = [
        f"Usage:  cuddy {group} COMMAND",
        GROUP_SUMMARIES[group],
        help.list_commands(
            "Commands",
            sorted([*_summaries(GROUPS[group], seen.values()), *_groups(f"{group} ")]),
        ),
        f"Run 'cuddy {group} COMMAND --help' for more information on a command.",
    ]
    return "\n\n".join(sections) + "\n"


def _groups(inside: str) -> list[tuple[str, str]]:
    """The groups whose names begin so, without those inside of them."""
    rows = [(name.removeprefix(inside), text) for name, text in GROUP_SUMMARIES.items()
            if name.startswith(inside)]  # fmt: skip
    return [(name, text) for name, text in rows if " " not in name]


def _summaries(verbs: dict[str, str], chosen: Iterable[str]) -> list[tuple[str, str]]:
    return [(verb, load(verbs[verb]).summary) for verb in chosen]
