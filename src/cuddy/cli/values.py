"""Values on the command line: Docker's grammars of sizes, CPUs, variables, labels, limits.

Each function turns one word into a value or raises ValueError with Docker's words for what is
wrong; `flags.py` adds which flag it was. Grammars: docker/go-units, docker/cli `opts`.
"""

from __future__ import annotations

from cuddy.errors import InvalidArgument
from cuddy.escape import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_TRUE = ("1", "t", "T", "TRUE", "true", "True")
_FALSE = ("0", "f", "F", "FALSE", "false", "False")
_MAX_INT = (1 << 63) - 1

SYSCTLS = (
    "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall",
    "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced",
)  # fmt: skip
ULIMITS = (
    "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc",
    "rss", "rtprio", "rttime", "sigpending", "stack",
)  # fmt: skip


def boolean(word: str) -> bool:
    """`strconv.ParseBool`."""
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError(f"strconv.ParseBool: parsing {quote(word)}: invalid syntax")


def integer(word: str) -> int:
    """`strconv.ParseInt` with base 0: decimal, 0x, 0o, 0b and C's octal."""
    digits = word.lstrip("+-")
    octal = len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()
    try:
        if len(word) - len(digits) > 1 or not word.isascii() or digits != digits.strip():
            raise ValueError
        value = int(word, 8 if octal else 0)
    except ValueError:
        raise ValueError(f"strconv.ParseInt: parsing {quote(word)}: invalid syntax") from None
    if not -_MAX_INT - 1 <= value <= _MAX_INT:
        raise ValueError(f"strconv.ParseInt: parsing {quote(word)}: value out of range")
    return value


def uint16(word: str) -> int:
    """`strconv.ParseUint` of at most 16 bits."""
    try:
        value = integer(word)
    except ValueError as error:
        raise ValueError(str(error).replace("ParseInt", "ParseUint")) from None
    if value < 0 or word.startswith(("+", "-")):
        raise ValueError(f"strconv.ParseUint: parsing {quote(word)}: invalid syntax")
    if value >= 1 << 16:
        raise ValueError(f"strconv.ParseUint: parsing {quote(word)}: value out of range")
    return value


def size(word: str) -> int:
    """Bytes: a number with one of the suffixes b k m g t p, also as kb or kib, powers of 1024."""
    # Imported here: most command lines have none.
    from cuddy import sizes

    return sizes.parse(word)


def size_or_unlimited(word: str) -> int:
    """A size, or -1 for no limit."""
    return -1 if word == "-1" else size(word)


def nano_cpus(word: str) -> int:
    """A decimal number of CPUs in billionths."""
    whole, _, fraction = word.partition(".")
    digits = whole + fraction
    if not digits.isdecimal() or not digits.isascii() or word.count(".") > 1:
        raise ValueError(f"failed to parse {word} as a rational number")
    if len(fraction.rstrip("0")) > 9:
        raise ValueError("value is too precise")
    value = int(whole or "0") * 10**9 + int(fraction.rstrip("0").ljust(9, "0"))
    if value > _MAX_INT:
        raise ValueError(f"{word} is more CPUs than there can be")
    return value


def seconds(word: str) -> float:
    """A number of seconds, whole or decimal; 0 is no limit."""
    if not word.replace(".", "", 1).isdecimal() or not word.isascii() or len(word) > 12:
        raise ValueError("not a number of seconds")
    return float(word)


def variable(word: str) -> str:
    """KEY=VALUE, or KEY alone for the caller's value."""
    if not word.partition("=")[0]:
        raise ValueError(f"invalid environment variable: {word}")
    return word


def label(word: str) -> str:
    """KEY=VALUE or KEY."""
    if not word.partition("=")[0]:
        raise ValueError(f"invalid label '{word}': empty name")
    return word


def ulimit(word: str) -> str:
    """NAME=SOFT[:HARD], each a number or -1 for unlimited; the hard limit is the soft one."""
    name, equals, limits = word.partition("=")
    if not equals:
        raise ValueError(f"invalid ulimit argument: {word}")
    if name not in ULIMITS:
        raise ValueError(f"invalid ulimit type: {name}")
    parts = limits.split(":")
    if len(parts) > 2:
        raise ValueError(
            f"too many limit value arguments - {limits}, can only have up to two, `soft[:hard]`"
        )
    soft, hard = integer(parts[0]), integer(parts[-1])
    if hard != -1 and (soft == -1 or soft > hard):
        shown = f"soft: -1 (unlimited), hard: {hard}" if soft == -1 else f"{soft} > {hard}"
        raise ValueError(f"ulimit soft limit must be less than or equal to hard limit: {shown}")
    return f"{name}={soft}:{hard}"


def annotation(word: str) -> str:
    """KEY=VALUE."""
    key, equals, _ = word.partition("=")
    if not key or not equals:
        raise ValueError(f"invalid annotation '{word}': KEY=VALUE")
    return word


def sysctl(word: str) -> str:
    """NAME=VALUE of a kernel setting that a container may have for itself."""
    name, equals, _ = word.partition("=")
    if not equals or not (name in SYSCTLS or name.startswith(("net.", "fs.mqueue."))):
        raise ValueError(f"sysctl '{word}' is not allowed")
    return word


def bytes_per_second(word: str) -> str:
    """DEVICE:SIZE, with the size in bytes."""
    path, colon, rate = word.partition(":")
    if not colon or not path:
        raise ValueError(f"bad format: {word}")
    if not path.startswith("/dev/"):
        raise ValueError(f"bad format for device path: {word}")
    try:
        return f"{path}:{size(rate)}"
    except ValueError:
        raise ValueError(
            f"invalid rate for device: {word}. The correct format is"
            " <device-path>:<number>[<unit>]. Number must be a positive integer."
            " Unit is optional and can be kb, mb, or gb"
        ) from None


def address(word: str) -> str:
    """An IPv4 or IPv6 address."""
    import _socket

    bare = word[1:-1] if word.startswith("[") and word.endswith("]") else word
    for family in (_socket.AF_INET, _socket.AF_INET6):
        try:
            _socket.inet_pton(family, bare)
            return bare
        except (OSError, ValueError):
            continue
    raise ValueError(f"IP address is not correctly formatted: {word}")


def extra_host(word: str) -> str:
    """NAME:ADDRESS (or NAME=ADDRESS), as NAME:ADDRESS."""
    separator = "=" if "=" in word else ":"
    name, found, value = word.partition(separator)
    if not found or not name:
        raise ValueError(f"bad format for add-host: {quote(word)}")
    if value == "host-gateway":
        return f"{name}:{value}"
    try:
        return f"{name}:{address(value)}"
    except ValueError:
        raise ValueError(f"invalid IP address in add-host: {quote(value)}") from None


def domain(word: str) -> str:
    """A DNS search domain, or '.' for none at all."""
    labels = word.removesuffix(".").split(".")
    if word == ".":
        return word
    for part in labels:
        plain = part.replace("-", "").replace("_", "")
        if not plain.isalnum() or not part.isascii() or len(part) > 63 or part[0] == "-":
            raise ValueError(f"{word} is not a valid domain")
    return word


def stream(word: str) -> str:
    """One of the three standard streams."""
    if word.lower() not in ("stdin", "stdout", "stderr"):
        raise ValueError("valid streams are STDIN, STDOUT and STDERR")
    return word.lower()


def filters(words: Iterable[str]) -> list[tuple[str, str]]:
    """Names and values of --filter; docker's client takes the names in any case."""
    pairs = (word.partition("=") for word in words)
    return [(name.strip().lower(), value.strip()) for name, _, value in pairs]


def comma_separated(words: Iterable[str]) -> list[str]:
    """The values of a flag of the kind `strings`, which may also be written with commas.

    One with a comma of its own stands in quotes. Raises InvalidArgument.
    """
    return [part for word in words for part in _parts(word) if part]


def _parts(word: str) -> list[str]:
    if '"' not in word:
        return word.split(",")
    from cuddy import comma_separated as lines

    try:
        return lines.read_record(word)
    except ValueError as error:
        raise InvalidArgument(f"invalid value {word!r}: {error}") from error


def pairs(words: Iterable[str]) -> dict[str, str]:
    """KEY=VALUE of each word; of one without `=` the value is ""."""
    return {key: value for key, _, value in (word.partition("=") for word in words)}


def filter_(word: str) -> str:
    """NAME=VALUE of a filter."""
    if "=" not in word:
        raise ValueError("bad format of filter (expected name=value)")
    return word
