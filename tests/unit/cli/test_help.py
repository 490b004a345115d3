"""Help texts: the layout is docker's to the column, the texts are kept in tests/golden/help."""

from __future__ import annotations

import pytest

import golden
from cuddy.cli import help, main, overview, verbs
from cuddy.cli.flags import BOOL, INT, LIST, STRING, Command, Flag

COMMANDS = sorted({*verbs.VERBS} | {f"{g} {v}" for g, own in verbs.GROUPS.items() for v in own})


def text_of(command: str) -> str:
    module, name, _ = verbs.find_command(command.split())
    return help.command_help(verbs.load(module), name, verbs.names_of(module), 80)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_is_the_one_on_record(command: str) -> None:
    golden.check(f"help/{command.replace(' ', '-')}.txt", text_of(command))


def test_the_overview_is_the_one_on_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(help, "columns", lambda: 80)
    golden.check("help/cuddy.txt", overview.overview(main.GLOBAL_FLAGS))
    for group in verbs.GROUPS:
        golden.check(f"help/cuddy-{group.replace(' ', '-')}.txt", overview.group_overview(group))


def test_stop_is_word_for_word_dockers() -> None:
    assert (
        text_of("stop")
        == """\
Usage:  cuddy stop [OPTIONS] CONTAINER [CONTAINER...]

Stop one or more running containers

Aliases:
  cuddy container stop, cuddy stop

Options:
  -s, --signal string   Signal to send to the container
  -t, --timeout int     Seconds to wait before killing the container
"""
    )


def test_ps_breaks_its_lines_where_docker_does() -> None:
    options = text_of("ps").partition("Options:\n")[2]
    assert (
        options
        == """\
  -a, --all             Show all containers (default shows just running)
  -f, --filter filter   Filter output based on conditions provided
      --format string   Format output using a custom template:
                        'table':            Print output in table format
                        with column headers (default)
                        'table TEMPLATE':   Print output in table format
                        using the given Go template
                        'json':             Print in JSON format
                        'TEMPLATE':         Print output using the given
                        Go template.
                        Refer to https://docs.docker.com/go/formatting/
                        for more information about formatting output with
                        templates
  -n, --last int        Show n last created containers (includes all
                        states) (default -1)
  -l, --latest          Show the latest created container (includes all
                        states)
      --no-trunc        Don't truncate output
  -q, --quiet           Only display container IDs
      --report          Show how containers ended and what they had used
  -s, --size            Display total file sizes
"""
    )


FLAGS = (
    Flag("beta", "b", STRING, "A word", "x"),
    Flag("alpha", "", LIST, "Some of them"),
    Flag("gamma", "", BOOL, "On unless told", True),
    Flag("delta", "d", INT, "A number", -1),
    Flag("hidden", "", BOOL, "Not shown", hidden=True),
)


def test_flags_are_sorted_and_defaults_shown_as_pflag_shows_them() -> None:
    assert help.flag_lines(FLAGS, 79) == [
        "      --alpha list    Some of them",
        '  -b, --beta string   A word (default "x")',
        "  -d, --delta int     A number (default -1)",
        "      --gamma         On unless told (default true)",
    ]


def test_a_narrow_terminal_gets_the_text_below_the_flag() -> None:
    long = Flag("network", "", STRING, "Connect a container to a network of this machine")
    assert help.flag_lines([long], 43) == [
        "      --network string   \n"
        "                Connect a container\n"
        "                to a network of this\n"
        "                machine"
    ]


def test_a_command_without_flags_or_aliases_has_no_such_sections() -> None:
    command = Command("Do it", lambda home, args: 0, "THING")
    assert help.command_help(command, "cuddy do", ["cuddy do"], 80) == (
        "Usage:  cuddy do THING\n\nDo it\n"
    )
