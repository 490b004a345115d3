"""`cuddy network why`: whether and why one reaches another, step by step."""

from __future__ import annotations

import sys

from cuddy.cli import inspection
from cuddy.cli.flags import BOOL, STRING, Args, Command, Flag
from cuddy.cli.table import JSON_FORMAT_HELP
from cuddy.engine import network_why, network_why_facts
from cuddy.escape import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from cuddy.engine.home import Home
    from cuddy.engine.network_why_facts import Question
    from cuddy.engine.network_why_steps import Explanation


def why(home: Home, args: Args) -> int:
    question = network_why_facts.parse_target(*args.names)
    found = network_why.why(home, question, probing=not args.no_probe)
    if args.format:
        sys.stdout.write(inspection.render_one(_document(question, found), args.format))
    elif not args.quiet:
        sys.stdout.write("".join(f"{printable(line)}\n" for line in _lines(found)))
    return 0 if found.is_reached else 1


def _lines(found: Explanation) -> Iterator[str]:
    for step in found.steps:
        yield f"{step.state:<3} {step.what:<9} {step.text}"
        if step.remedy:
            yield f"{'':<14}-> {step.remedy}"
    yield found.verdict


def _document(question: Question, found: Explanation) -> dict[str, Any]:
    return {
        "Source": question.source,
        "Target": question.target,
        "Port": question.port,
        "Protocol": question.protocol,
        "Reached": found.is_reached,
        "Verdict": found.verdict,
        "Steps": [
            {"Step": each.what, "State": each.state, "Text": each.text, "Remedy": each.remedy}
            for each in found.steps
        ],
    }


COMMAND = Command(
    summary="Explain whether, and why, one reaches another",
    arguments="SOURCE TARGET[:PORT[/udp]]",
    flags=(
        Flag("format", "f", STRING, JSON_FORMAT_HELP),
        Flag("no-probe", "", BOOL, "Look only: try no connection"),
        Flag("quiet", "q", BOOL, "Only the exit status: 0 reached, 1 not"),
    ),
    least=2,
    most=2,
    error_code=125,
    action=why,
)
