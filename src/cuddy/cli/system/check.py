"""`cuddy system check`: is everything what it says it is, and making it so."""

from __future__ import annotations

import sys

from cuddy.cli import table
from cuddy.cli.flags import BOOL, STRING, Args, Command, Flag
from cuddy.engine import check
from cuddy.escape import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.check import Report
    from cuddy.engine.home import Home
    from cuddy.image.finding import Finding

LISTING = table.Listing(
    headers={"What": "WHAT", "State": "STATE", "Problem": "PROBLEM", "Remedy": "REPAIR"},
    columns=("State", "What", "Problem", "Remedy"),
)


def check_(home: Home, args: Args) -> int:
    report = check.repair(home) if args.repair else check.check(home)
    if args.format:
        rows = [_row(report, each) for each in report.findings]
        sys.stdout.write(table.render(LISTING, rows, form=args.format))
    elif not args.quiet:
        for each in report.findings:
            print(printable(_line(report, each)))
        print(_verdict(report))
    return 0 if report.is_sound else 1


def _state(report: Report, finding: Finding) -> str:
    if not finding.is_broken:
        return "note"
    return "repaired" if report.is_repaired and finding.is_repairable else "broken"


def _row(report: Report, finding: Finding) -> dict[str, str]:
    return {
        "What": finding.what,
        "State": _state(report, finding),
        "Problem": finding.problem,
        "Remedy": finding.remedy,
    }


def _line(report: Report, finding: Finding) -> str:
    state = _state(report, finding)
    remedy = f"repair: {finding.remedy}" if state == "broken" else finding.remedy
    return f"{state}: {finding.what}: {finding.problem} ({remedy})"


def _verdict(report: Report) -> str:
    count = sum(each.is_broken for each in report.findings)
    if report.is_sound:
        return f"sound: {count} repaired" if count else "sound"
    return f"broken: {count} findings" + (
        "" if report.is_repaired else "; 'cuddy system check --repair' does what it says there"
    )


COMMAND = Command(
    summary="Verify everything on disk, and repair it",
    flags=(
        Flag("format", "", STRING, table.FORMAT_HELP),
        Flag("quiet", "q", BOOL, "Only the exit status: 0 sound, 1 broken"),
        Flag("repair", "", BOOL, "Put right what can be put right"),
    ),
    most=0,
    action=check_,
)
