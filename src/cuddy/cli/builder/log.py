"""`cuddy build log`: what a build told, all of it or what one step has written."""

from __future__ import annotations

import os
import sys

from cuddy.builder import journal, report
from cuddy.cli import boundary, build_progress
from cuddy.cli.flags import Args, Command, Flag, Kind
from cuddy.errors import InvalidArgument, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cuddy.builder.journal import Kept
    from cuddy.engine.home import Home

FORMS = ("plain", "rawjson")


def log(home: Home, args: Args) -> int:
    which, *step = args.names or [journal.LAST]
    kept = journal.find(home, which)
    if step:
        write_step(kept, _number(step[0]))
    else:
        show_all(kept, args.progress)
    if kept.record["IsCut"]:
        boundary.warn(["the end of this log was not kept: it was too long, or the disk was full"])
    return 0


def _number(text: str) -> int:
    """A step's number, with or without its sign. Raises InvalidArgument."""
    digits = text.removeprefix("#")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        message = f"invalid step {text!r}"
        raise InvalidArgument(message, hint="its number, as in '#7 [2/5] RUN make'")
    return int(digits)


def write_step(kept: Kept, number: int) -> None:
    """All that a step has written, as it came; at a terminal, as a terminal can be shown it."""
    is_known = False
    for event in journal.events(kept):
        if isinstance(event, report.Began) and event.step == number:
            is_known = True
        elif isinstance(event, report.Output) and event.step == number:
            is_known = True
            break
    if not is_known:
        raise NotFound(f"build {kept.record['Id']} has no step {number}", hint="see its whole log")
    data = (
        event.data
        for event in journal.events(kept)
        if isinstance(event, report.Output) and event.step == number
    )
    for piece in _shown(data) if os.isatty(1) else data:
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


def _shown(data: Iterator[bytes]) -> Iterator[bytes]:
    from cuddy.cli.build_lines import Lines

    lines = Lines()
    for piece in data:
        for line in lines.feed(piece):
            yield f"{line}\n".encode()
    for line in lines.end():
        yield f"{line}\n".encode()


def show_all(kept: Kept, form: str) -> None:
    """The whole build, as `--progress=plain` has shown it or would have."""
    display: build_progress.Display = build_progress.Plain(
        _write, goes_on=kept.status == journal.RUNNING
    )
    if form == "rawjson":
        from cuddy.cli.build_raw import Raw

        display = Raw(_write)
    for event in journal.events(kept):
        display(event)
    display.close()
    sys.stdout.flush()


def _write(text: str) -> None:
    sys.stdout.write(text)


def _form(word: str) -> str:
    if word not in FORMS:
        raise ValueError(f"one of {', '.join(FORMS)}")
    return word


COMMAND = Command(
    summary="Print the log of a build, or what one of its steps has written",
    arguments="[BUILD|LAST|^N [STEP]]",
    flags=(
        Flag("progress", "", Kind("string", _form, ""),
             'Set type of progress output ("plain", "rawjson")', "plain"),
    ),
    most=2,
    action=log,
)  # fmt: skip
