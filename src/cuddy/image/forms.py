"""The forms in which a Dockerfile's instructions say what they say: an array of JSON, pairs of name
and value, words, one text. Nothing is expanded here, and what is wrong is said in Docker's words.
"""

from __future__ import annotations

from cuddy import files
from cuddy.errors import InvalidArgument
from cuddy.image import durations, words
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cuddy.image.spec import Healthcheck

BLANKS = "\t\v\f\r "
"""What divides an instruction's words; Unicode has more white space."""
LEAST_INTERVAL_NS = 1_000_000
TRIGGERS_REFUSED = ("FROM", "MAINTAINER")
HEALTH_FLAGS = ("interval", "timeout", "start-period", "start-interval", "retries")


class Form(NamedTuple):
    """An instruction's name in capitals, what follows its flags, and the flags."""

    name: str
    rest: str
    flags: tuple[tuple[str, str], ...] = ()
    escape: str = words.ESCAPE


def check(form: Form) -> None:
    """Raise InvalidArgument if the instruction cannot mean anything, whatever its variables are."""
    READERS[form.name](form)


def exec_form(text: str) -> list[str] | None:
    """An array of strings in JSON; None if the text is none, and so is for the shell.

    Raises InvalidArgument for an array of other things.
    """
    text = text.lstrip()
    if not text.startswith("["):
        return None
    try:
        found = files.parse_json(text)
    except ValueError:
        return None
    if not all(isinstance(word, str) for word in found):
        raise InvalidArgument(
            "when using JSON array syntax, arrays must be comprised of strings only"
        )
    if "\\u" in text:  # half a surrogate pair is no character
        found = [_whole(word) for word in found]
    return list(found)


def _whole(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def halves(text: str) -> tuple[str, str]:
    """The first word of a text, and what follows the blanks after it."""
    first = text.partition(" ")[0]
    for blank in BLANKS[:-1]:
        if blank in first:
            first = first.partition(blank)[0]
    return first, text[len(first) :].lstrip(BLANKS)


def divide(text: str) -> list[str]:
    """The words of a text between blanks, whatever the quotes."""
    if text.isascii() and text.isprintable():
        return text.split()
    for blank in BLANKS[:-1]:
        text = text.replace(blank, " ")
    return [word for word in text.split(" ") if word]


def command(form: Form) -> list[str] | None:
    """Of CMD and ENTRYPOINT: the exec form, None if it is for the shell."""
    _no_flags(form)
    return exec_form(form.rest)


def shell(form: Form) -> list[str]:
    """Of SHELL: the words before a command. Raises InvalidArgument."""
    _no_flags(form)
    found = exec_form(form.rest)
    if not form.rest or found == []:
        raise InvalidArgument("SHELL requires at least one argument")
    if found is None:
        raise InvalidArgument(
            "SHELL requires the arguments to be in JSON form", hint='such as ["/bin/sh", "-c"]'
        )
    return found


def key_values(form: Form) -> list[tuple[str, str]]:
    """Of ENV and LABEL: `NAME=VALUE ...`, or `NAME VALUE`, blanks in the value as they are."""
    _no_flags(form)
    found = words.split(form.rest, form.escape)
    if not found:
        raise InvalidArgument(f"{form.name} requires at least one argument")
    if "=" not in found[0]:
        name, value = halves(form.rest)
        if len(name) == len(form.rest):
            raise InvalidArgument(f"{form.name} must have two arguments", hint="NAME=VALUE")
        return [(name, value)]
    pairs = []
    for word in found:
        name, sign, value = word.partition("=")
        if not sign:
            raise InvalidArgument(
                f"Syntax error - can't find = in {files.quote(word)}. "
                "Must be of the form: name=value"
            )
        if not name:
            raise InvalidArgument(f"{form.name} names can not be blank")
        pairs.append((name, value))
    return pairs


def single(form: Form) -> str:
    """Of USER, WORKDIR, STOPSIGNAL, MAINTAINER: all of it is one argument."""
    _no_flags(form)
    if not form.rest:
        raise InvalidArgument(f"{form.name} requires exactly one argument")
    return form.rest


def ports(form: Form) -> list[str]:
    """Of EXPOSE: words."""
    _no_flags(form)
    if not form.rest:
        raise InvalidArgument("EXPOSE requires at least one argument")
    return divide(form.rest)


def paths(form: Form) -> list[str]:
    """Of VOLUME: words, or an array."""
    _no_flags(form)
    found = exec_form(form.rest)
    found = [word.strip() for word in (divide(form.rest) if found is None else found)]
    if not found:
        raise InvalidArgument("VOLUME requires at least one argument")
    if not all(found):
        raise InvalidArgument("VOLUME specified can not be an empty string")
    return found


def trigger(form: Form) -> str:
    """Of ONBUILD: the instruction that is kept for later."""
    _no_flags(form)
    if not form.rest:
        raise InvalidArgument("ONBUILD requires at least one argument")
    name = halves(form.rest)[0].upper()
    if name == "ONBUILD":
        raise InvalidArgument("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    if name in TRIGGERS_REFUSED:
        raise InvalidArgument(f"{name} isn't allowed as an ONBUILD trigger")
    return form.rest


def health(form: Form) -> Healthcheck:
    """Of HEALTHCHECK: NONE, or CMD with a command."""
    kind, rest = halves(form.rest)
    if not kind:
        raise InvalidArgument("HEALTHCHECK requires at least one argument")
    if kind.upper() == "NONE":
        if rest:
            raise InvalidArgument("HEALTHCHECK NONE takes no arguments")
        return {"Test": ["NONE"]}
    if kind.upper() != "CMD":
        raise InvalidArgument(f"Unknown type {files.quote(kind)} in HEALTHCHECK (try CMD)")
    found = exec_form(rest)
    if not (rest if found is None else found):
        raise InvalidArgument("Missing command after HEALTHCHECK CMD")
    made: Healthcheck = {"Test": ["CMD-SHELL", rest] if found is None else ["CMD", *found]}
    for name, value in form.flags:
        _read_health_flag(made, name, value)
    return made


def _read_health_flag(made: Healthcheck, name: str, value: str) -> None:
    """Take in a flag of HEALTHCHECK; without a value it stays at its default."""
    if name == "retries":
        if not value:
            return
        digits = value.removeprefix("+").removeprefix("-")
        is_number = digits.isdecimal() and digits.isascii() and len(digits) <= 10
        if not is_number or int(value) >= 1 << 31:
            raise InvalidArgument(f"--retries must be a number, not {value}")
        if int(value) < 0:
            raise InvalidArgument(f"--retries cannot be negative ({value})")
        if int(value):
            made["Retries"] = int(value)
        return
    if name not in HEALTH_FLAGS:
        raise InvalidArgument(f"unknown flag: --{name}")
    time = durations.parse(value) if value else 0
    if not time:
        return
    if time < LEAST_INTERVAL_NS:
        raise InvalidArgument(f"Interval {files.quote(name)} cannot be less than 1ms")
    if name == "interval":
        made["Interval"] = time
    elif name == "timeout":
        made["Timeout"] = time
    elif name == "start-period":
        made["StartPeriod"] = time
    else:
        made["StartInterval"] = time


def _no_flags(form: Form) -> None:
    for name, _ in form.flags:
        raise InvalidArgument(f"unknown flag: --{name}")


READERS: dict[str, Callable[[Form], object]] = {
    "CMD": command,
    "ENTRYPOINT": command,
    "ENV": key_values,
    "EXPOSE": ports,
    "HEALTHCHECK": health,
    "LABEL": key_values,
    "MAINTAINER": single,
    "ONBUILD": trigger,
    "SHELL": shell,
    "STOPSIGNAL": single,
    "USER": single,
    "VOLUME": paths,
    "WORKDIR": single,
}
