"""Names of signals: "TERM", "SIGTERM", "15" and "RTMIN+3" mean numbers (signal(7))."""

from __future__ import annotations

import _signal

from cuddy.errors import InvalidArgument

NUMBERS = {
    name[3:]: int(getattr(_signal, name))
    for name in dir(_signal)
    if name.startswith("SIG") and not name.startswith("SIG_")
}
RTMIN = 34  # as the C library has it: the kernel's first two are its own
RTMAX = 64


def parse(text: str) -> int:
    """A signal's number. Raises InvalidArgument."""
    name = text.upper().removeprefix("SIG")
    if is_number(name) and 0 < int(name) <= RTMAX:
        return int(name)
    for start, first in (("RTMIN", RTMIN), ("RTMAX", RTMAX)):
        offset = name.removeprefix(start)
        if name.startswith(start) and (not offset or (offset[0] in "+-" and is_number(offset[1:]))):
            number = first + int(offset or 0)
            if RTMIN <= number <= RTMAX:
                return number
    if name not in NUMBERS:
        raise InvalidArgument(f"invalid signal: {text}", hint="a name or number of signal(7)")
    return NUMBERS[name]


def to_stop(wanted: str) -> str:
    """The signal that an image wants to be stopped by, unless it makes no sense: its container
    could not be stopped.
    """
    try:
        parse(wanted)
    except InvalidArgument:
        return "SIGTERM"
    return wanted


def is_number(text: str) -> bool:
    """Whether a text is decimal digits only, and not absurdly many."""
    return text.isascii() and text.isdigit() and len(text) <= 20


def name(number: int) -> str:
    """SIGTERM for 15, SIGRTMIN+2 for 36; of several names the one that comes first."""
    if RTMIN < number < RTMAX:
        return f"SIGRTMIN+{number - RTMIN}"
    return next((f"SIG{name}" for name, each in NUMBERS.items() if each == number), f"{number}")
