"""`RUN --mount=type=bind|cache|tmpfs|secret|ssh,...`: its grammar, with BuildKit's words.

A line of comma separated values, `key=value` or a bare key. Variables count in all values but that
of `from`: which stages a step needs must be known before anything has a value.
"""

from __future__ import annotations

from cuddy import suggest
from cuddy.builder.flags import MOUNT_KEYS, MOUNT_SHARING, MOUNT_TYPES
from cuddy.comma_separated import read_record
from cuddy.errors import InvalidArgument
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ALIASES = {
    "src": "source", "dst": "target", "destination": "target", "ro": "readonly", "rw": "readwrite",
}  # fmt: skip
FLAGS = ("readonly", "readwrite", "required")
OWNED = ("cache", "secret", "ssh")
TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))
FALSE = frozenset(("0", "f", "F", "FALSE", "false", "False"))
"""What strconv.ParseBool of Go takes."""
SIZES = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40, "p": 50}
MOST = {"mode": 0o7777, "uid": (1 << 32) - 2, "gid": (1 << 32) - 2}


class Mount(NamedTuple):
    """One mount of a RUN. None: not said."""

    type: str = "bind"
    from_: str = ""  # a stage, a named context, an image
    source: str = ""
    target: str = ""
    is_read_only: bool = True
    id: str = ""
    sharing: str = "shared"
    is_required: bool = False
    size_bytes: int = 0  # of a tmpfs; 0: as the kernel has it
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    env: str | None = None  # of a secret: the variable in which it stands


def parse(text: str, expand: Callable[[str], str] = str) -> Mount:
    """One value of `--mount`; `expand` replaces variables. Raises InvalidArgument."""
    values: dict[str, str] = {}
    found = Mount()
    is_read_only: bool | None = None
    for field in fields(text):
        key, equals, value = split(field)
        if equals and key != "from":
            value = expand(value)
        if key in FLAGS:
            said = True if not equals else parse_bool(field.partition("=")[0].lower(), value)
            if key == "required":
                refuse_unless(found, key, ("secret", "ssh"))
                found = found._replace(is_required=said)
            else:
                is_read_only = said if key == "readonly" else not said
            continue
        if not equals:
            raise InvalidArgument(f"invalid field '{field}' must be a key=value pair")
        found = put(found, key, value, field)
        values[key] = value
    if is_read_only is None:
        is_read_only = found.type not in ("cache", "tmpfs")
    found = found._replace(is_read_only=is_read_only)
    check(found, values)
    return found


def from_of(text: str) -> str:
    """The stage, context or image that a mount reads; "" for none. Raises InvalidArgument."""
    origin = ""
    for field in fields(text):
        key, _, value = split(field)
        origin = value if key == "from" else origin
    refuse_variable(origin)
    return origin


def refuse_variable(origin: str) -> None:
    """Raise InvalidArgument for a `from` that is not known before anything has a value."""
    if "$" in origin[:-1]:
        message = "'from' doesn't support variable expansion, define alias stage instead"
        raise InvalidArgument(message)


def fields(text: str) -> list[str]:
    """The fields of a line of comma separated values. Raises InvalidArgument."""
    try:
        return read_record(text)
    except ValueError as error:
        raise InvalidArgument(f"failed to parse csv mounts: {error}") from None


def split(field: str) -> tuple[str, str, str]:
    """The key by its full name, "=" if there is one, the value."""
    name, equals, value = field.partition("=")
    name = name.lower()
    return ALIASES.get(name, name), equals, value


def put(found: Mount, key: str, value: str, field: str) -> Mount:
    """A mount with one more value. Raises InvalidArgument."""
    if key == "type":
        return found._replace(type=choose(value, MOUNT_TYPES, f'unsupported mount type "{value}"'))
    if key == "from":
        return found._replace(from_=value)
    if key == "source":
        return found._replace(source=value)
    if key == "target":
        return found._replace(target=value)
    if key == "id":
        return found._replace(id=value)
    if key == "env":
        return found._replace(env=value)
    if key == "sharing":
        message = f'unsupported sharing value "{value}"'
        return found._replace(sharing=choose(value, MOUNT_SHARING, message))
    if key == "size":
        refuse_unless(found, key, ("tmpfs",))
        return found._replace(size_bytes=parse_size(value))
    if key == "mode":
        return found._replace(mode=parse_number(key, value))
    if key == "uid":
        return found._replace(uid=parse_number(key, value))
    if key == "gid":
        return found._replace(gid=parse_number(key, value))
    raise InvalidArgument(f"unexpected key '{key}' in '{field}'", hint=meant(key, MOUNT_KEYS))


def check(found: Mount, values: dict[str, str]) -> None:
    """Refuse what does not go together. Raises InvalidArgument."""
    kind = found.type
    refuse_variable(found.from_)
    if kind not in OWNED:
        for name in ("mode", "uid", "gid"):
            if name in values:
                raise InvalidArgument(f'{name} not allowed for "{kind}" type mounts')
    if "sharing" in values and kind != "cache":
        raise InvalidArgument(f"invalid cache sharing set for {kind} mount")
    if found.env is not None and kind != "secret":
        raise InvalidArgument(f"unexpected key 'env' for mount type '{kind}'")
    if kind == "secret":
        if found.from_:
            raise InvalidArgument("secret mount should not have a from")
        if not (found.source or found.target or found.id):
            raise InvalidArgument("invalid secret mount. one of source, target required")
        if found.source and found.id:
            raise InvalidArgument("both source and id can't be set")
    if kind == "ssh" and found.source:
        raise InvalidArgument("ssh does not support source")
    for text in (found.source, found.target, found.id, found.env or ""):
        if "\0" in text:
            raise InvalidArgument(f"NUL character in {text!r}")


def refuse_unless(found: Mount, key: str, kinds: tuple[str, ...]) -> None:
    """Raise InvalidArgument for a key that this type does not have."""
    if found.type not in kinds:
        raise InvalidArgument(f"unexpected key '{key}' for mount type '{found.type}'")


def choose(value: str, known: tuple[str, ...], message: str) -> str:
    """One of the known words, however it is written. Raises InvalidArgument."""
    if value.lower() in known:
        return value.lower()
    raise InvalidArgument(message, hint=meant(value, known))


def meant(word: str, known: tuple[str, ...]) -> str:
    """The word that was meant, or all there are."""
    near = suggest.closest(word.lower(), known)
    return f"did you mean {near}?" if near else f"one of {', '.join(known)}"


def parse_bool(key: str, value: str) -> bool:
    """true or false, as Go reads it. Raises InvalidArgument."""
    if value in TRUE or value in FALSE:
        return value in TRUE
    raise InvalidArgument(f"invalid value for {key}: {value}", hint="true or false")


def parse_number(key: str, value: str) -> int:
    """A mode (octal) or an id. Raises InvalidArgument."""
    digits = "01234567" if key == "mode" else "0123456789"
    if value and len(value) <= 12 and not value.strip(digits):
        number = int(value, 8 if key == "mode" else 10)
        if number <= MOST[key]:
            return number
    raise InvalidArgument(f"invalid value {value} for {key}")


def parse_size(value: str) -> int:
    """A number of bytes with a unit of 1024: 64m, 1.5GiB. Raises InvalidArgument."""
    text = value.strip().lower()
    number = text.rstrip("abcdefghijklmnopqrstuvwxyz ")
    unit = text[len(number) :].strip().removesuffix("b").removesuffix("i")
    try:
        if unit not in SIZES or not number or number.strip("0123456789."):
            raise ValueError
        size = int(float(number) * (1 << SIZES[unit]))
    except (ValueError, OverflowError):
        raise InvalidArgument(f"invalid value for size: {value}", hint="such as 64m") from None
    if size >= 1 << 63:
        raise InvalidArgument(f"invalid value for size: {value}", hint="such as 64m")
    return size
