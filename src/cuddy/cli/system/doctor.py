"""`cuddy doctor`: what this machine lacks for containers, and the commands that mend it."""

from __future__ import annotations

import sys

from cuddy.cli import table
from cuddy.cli.flags import BOOL, STRING, Args, Command, Flag
from cuddy.engine import doctor, doctor_facts
from cuddy.escape import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.doctor import Finding
    from cuddy.engine.home import Home

LISTING = table.Listing(
    headers={"Topic": "TOPIC", "State": "STATE", "Meaning": "MEANING", "Fix": "FIX"},
    columns=("Topic", "State", "Meaning", "Fix"),
)


def doctor_(home: Home, args: Args) -> int:
    findings = doctor.examine(doctor_facts.gather(home))
    if args.format:
        rows = [_row(each) for each in findings]
        sys.stdout.write(table.render(LISTING, rows, form=args.format))
    elif not args.quiet:
        width = max(len(each.topic) for each in findings)
        for each in findings:
            print(printable(f"{each.state:7}  {each.topic:{width}}  {each.meaning}"))
            for command in each.fix:
                print(printable(f"{'':7}  {'':{width}}    {command}"))
    return 0 if doctor.is_well(findings) else 1


def _row(finding: Finding) -> dict[str, str]:
    return {
        "Topic": finding.topic,
        "State": finding.state,
        "Meaning": finding.meaning,
        "Fix": "; ".join(finding.fix),
    }


COMMAND = Command(
    summary="Tell what this machine lacks for containers, and how to mend it",
    flags=(
        Flag("format", "", STRING, table.FORMAT_HELP),
        Flag("quiet", "q", BOOL, "Only the exit status: 0 containers run, 1 they cannot"),
    ),
    most=0,
    action=doctor_,
    opens_home=False,
)
