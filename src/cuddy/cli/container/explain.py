"""`cuddy explain`: a container beside the host, one row per thing."""

from __future__ import annotations

import os
import sys

from cuddy.cli import document, table
from cuddy.cli.flags import BOOL, LIST, Args, Command, Flag
from cuddy.cli.width import cut
from cuddy.engine.home import open_home
from cuddy.errors import UsageError
from cuddy.escape import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.explain_facts import Facts, Topic
    from cuddy.engine.home import Home

WIDEST = 40
"""Columns of what is no note."""
TOPICS = (
    "namespaces", "processes", "names", "users", "mounts", "network", "limits", "files",
    "capabilities", "seccomp", "paths",
)  # fmt: skip


def explain_(home: Home, args: Args) -> int:
    from cuddy.engine import explain, explain_facts

    wanted = [name for words in args.topic for name in words.split(",")] or TOPICS
    if wrong := [name for name in wanted if name not in TOPICS]:
        raise UsageError(f"there is no topic {wrong[0]!r}", hint=f"one of {', '.join(TOPICS)}")
    # Before an ordinary user's command becomes root elsewhere.
    outside = explain_facts.own_namespaces()
    if os.geteuid():
        from cuddy.engine import rootless

        rootless.become_root(home.run_root)
    home = open_home(*home)
    if args.shell:
        sys.stdout.write(explain.by_hand(home, args.names[0], outside))
        return 0
    facts, topics = explain.explain(home, args.names[0], outside, wanted)
    if args.json:
        print(document.indented(explain.describe(facts, topics)))
    elif os.isatty(1):
        from cuddy.cli import explain_view

        explain_view.show(title(facts), topics, os.environ)
    else:
        sys.stdout.write(plain(facts, topics))
    return 0


def title(facts: Facts) -> str:
    """What is shown, in a line."""
    record = facts.record
    status = record["State"]["Status"]
    how = status if facts.inside else f"{status}: shown as it would be"
    return f"{record['Name'].removeprefix('/')} ({record['Config']['Image']}), {how}"


def plain(facts: Facts, topics: list[Topic]) -> str:
    """Tables for files and other programs."""
    parts = [f"{title(facts)}\n"]
    for topic in topics:
        rows = [[topic.name.upper(), "HOST", "CONTAINER", ""]]
        rows += [[*(cut(cell, WIDEST) for cell in row[:3]), row.note] for row in topic.rows]
        parts.append(table.lay_out([[*map(printable, row)] for row in rows]))
    text = "\n".join(parts)
    return "".join(f"{line.rstrip()}\n" for line in text.split("\n")[:-1])


COMMAND = Command(
    summary="Show a container beside the host, one row per thing",
    arguments="CONTAINER",
    flags=(
        Flag("json", "", BOOL, "Print in JSON format"),
        Flag("shell", "", BOOL, "Print the commands that make such a container by hand"),
        Flag("topic", "t", LIST, f"Only these topics: {', '.join(TOPICS)}"),
    ),
    least=1,
    most=1,
    action=explain_,
    opens_home=False,
)
