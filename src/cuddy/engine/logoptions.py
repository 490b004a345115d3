"""--log-driver and --log-opt: which drivers there are, what each knows, and what that means.

    json-file   JSON lines in the container's directory, rotated (jsonlog)
    local       Docker's compact format, rotated and compressed (locallog)
    journald    the host's journal (journal)
    none        nothing

Only a container that asks for something else than the default comes here.
"""

from __future__ import annotations

from cuddy.engine.jsonlog import escape
from cuddy.engine.logfile import Limits
from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from cuddy.engine.container import Container
    from cuddy.engine.options import Pair

DEFAULT = "json-file"
FILE_OPTIONS = {"max-size", "max-file", "compress"}
ATTRIBUTES = {"labels", "labels-regex", "env", "env-regex", "tag"}
ANYWHERE = {"mode", "max-buffer-size"}
DRIVERS = {
    # driver: its options, and how Docker names it when one is unknown
    "json-file": (FILE_OPTIONS | ATTRIBUTES, "json-file log driver"),
    "local": (FILE_OPTIONS | ATTRIBUTES, "log driver local"),
    "journald": (ATTRIBUTES, "journald log driver"),
    "none": (set(), ""),
}
MODES = ("", "blocking", "non-blocking")
BUFFER_BYTES = 1_000_000
"""What waits at most with mode=non-blocking, as Docker has it."""
LOCAL_LIMITS = Limits(20 << 20, 5, compress=True)
UNLIMITED = "-1"
UNITS = "kmgtp"
MAX_SIZE_LENGTH = 20
"""Characters of a size: 64 bits have no more digits."""
TAG_FIELDS: dict[str, Callable[[Container], str]] = {
    "ID": lambda record: record["Id"][:12],
    "FullID": lambda record: record["Id"],
    "Name": lambda record: record["Name"].removeprefix("/"),
    "ImageID": lambda record: record["Image"].removeprefix("sha256:")[:12],
    "ImageFullID": lambda record: record["Image"],
    "ImageName": lambda record: record["Config"]["Image"],
    "DaemonName": lambda record: "cuddy",
}


def log_config(driver: str, words: tuple[Pair, ...]) -> dict[str, Any]:
    """`HostConfig.LogConfig` of a new container. Raises InvalidArgument."""
    # Imported here: monitors, which import this, make no container.
    from cuddy.engine.options import parted

    options = {key: value for key, _, value in map(parted, words)}
    driver = driver or DEFAULT
    check(driver, options)
    return {"Type": driver, "Config": options}


def check(driver: str, options: Mapping[str, str]) -> None:
    """Whether a driver can be had with these options. Raises InvalidArgument in Docker's words."""
    if driver not in DRIVERS:
        message = f'error looking up logging plugin {driver}: plugin "{driver}" not found'
        raise InvalidArgument(message, hint=f"one of {', '.join(DRIVERS)}")
    known, called = DRIVERS[driver]
    if driver == "none" and options:
        raise InvalidArgument("invalid logging opts for driver none")
    if options.get("mode", "") not in MODES:
        raise InvalidArgument(f"logger: logging mode not supported: {options['mode']}")
    if "max-buffer-size" in options:
        if options.get("mode") != "non-blocking":
            message = "logger: max-buffer-size option is only supported with 'mode=non-blocking'"
            raise InvalidArgument(message)
        parse_size("max-buffer-size", options["max-buffer-size"], 1024)
    for key in options:
        if key not in known | ANYWHERE:
            hint = f"it has {', '.join(sorted(known | ANYWHERE))}"
            raise InvalidArgument(f"unknown log opt '{key}' for {called}", hint=hint)
    limits(driver, options)
    for key in ("labels-regex", "env-regex"):
        matcher(options.get(key, ""))
    expand_tag(options.get("tag", ""), None)


def limits(driver: str, options: Mapping[str, str]) -> Limits:
    """How large the files of a log become. Raises InvalidArgument."""
    found = LOCAL_LIMITS if driver == "local" else Limits()
    if "max-size" in options:
        unlimited = options["max-size"] == UNLIMITED
        size = -1 if unlimited else parse_size("max-size", options["max-size"], 1000)
        if not size:
            raise InvalidArgument("max-size must be a positive number", hint="-1: without limit")
        found = found._replace(max_size=size)
    if "max-file" in options:
        count = options["max-file"]
        if not (count.isdecimal() and count.isascii() and 0 < int(count) < 100_000):
            raise InvalidArgument("max-file cannot be less than 1", hint=f"it was {count!r}")
        found = found._replace(max_files=int(count))
    if "compress" in options:
        if options["compress"].lower() not in ("1", "t", "true", "0", "f", "false"):
            raise InvalidArgument(f"log opt compress: {options['compress']!r} is not true or false")
        compress = options["compress"].lower() in ("1", "t", "true")
        if compress and (found.max_files == 1 or found.max_size < 0):
            raise InvalidArgument(
                "compress cannot be true when max-file is less than 2 or max-size is not set"
            )
        found = found._replace(compress=compress)
    return found


def parse_size(key: str, text: str, unit: int) -> int:
    """Bytes of a number with a suffix k m g t p, as docker/go-units reads it."""
    number = text.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    suffix = text[len(number) :].lower()
    power = UNITS.find(suffix[:1]) + 1 if suffix else 0
    whole, _, fraction = number.rstrip(" ").partition(".")
    good = (whole + fraction).isdecimal() and text.isascii() and len(text) <= MAX_SIZE_LENGTH
    if (
        not good
        or (suffix[:1] != "b" and not power and suffix)
        or suffix[1:] not in ("", "b", "ib")
    ):
        raise InvalidArgument(f"log opt {key}: invalid size: '{text}'", hint="such as 10m")
    return int(float(f"{whole or 0}.{fraction or 0}") * unit**power)


def local_path(record: Container) -> str:
    """The file of the driver `local`, which Docker does not show as `LogPath`."""
    return f"{record['HostnamePath'].rpartition('/')[0]}/local-logs/container.log"


def log_path(record: Container) -> str:
    """The file in which a container's log is, '' if it is in none."""
    driver = record["HostConfig"]["LogConfig"]["Type"]
    return {"json-file": record["LogPath"], "local": local_path(record)}.get(driver, "")


def attributes(record: Container, options: Mapping[str, str]) -> dict[str, str]:
    """The labels and variables that each entry is to have. Raises InvalidArgument."""
    labels = record["Config"].get("Labels") or {}
    variables = dict(
        word.split("=", 1) for word in record["Config"].get("Env") or () if "=" in word
    )
    found: dict[str, str] = {}
    for name, having in (("labels", labels), ("env", variables)):
        chosen = [key for key in options.get(name, "").split(",") if key in having]
        matches = matcher(options.get(f"{name}-regex", ""))
        chosen += [key for key in having if matches(key)]
        found |= {key: having[key] for key in chosen}
    return found


def matcher(pattern: str) -> Callable[[str], object]:
    """Whether a name matches a regular expression; '' matches none. Raises InvalidArgument."""
    if not pattern:
        return lambda name: False
    # Imported here: few have one.
    from cuddy.engine import regexps

    return regexps.compile(pattern)


def expand_tag(template: str, record: Container | None) -> str:
    """A tag with its fields filled in: {{.Name}}/{{.ID}}. Raises InvalidArgument.

    `record`: None only to see whether it can be done.
    """
    text, *rest = template.split("{{")
    for part in rest:
        field, end, plain = part.partition("}}")
        value = TAG_FIELDS.get(field.strip().removeprefix("."))
        if not end or not value or not field.strip().startswith("."):
            fields = " ".join(f"{{{{.{name}}}}}" for name in TAG_FIELDS)
            raise InvalidArgument(f"log opt tag: {template!r} makes no sense", hint=fields)
        text += (value(record) if record else "") + plain
    return text


def format_attributes(found: Mapping[str, str]) -> str:
    """Attributes as JSON, in the order Go has; '' for none."""
    pairs = [f"{_quote(key)}:{_quote(found[key])}" for key in sorted(found)]
    return f"{{{','.join(pairs)}}}" if pairs else ""


def _quote(text: str) -> str:
    inside = escape(text.encode("utf-8", "surrogateescape")).replace(b"\n", b"\\n")
    return f'"{inside.decode()}"'
