"""Flags of a Dockerfile's instructions: `--name=value`, before everything else (Dockerfile
reference). Quotes and escapes in them are taken off before anything else is seen.
"""

from __future__ import annotations

from cuddy.builder.mistakes import Mistake, meant
from cuddy.image import forms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

BOOL, TEXT, TEXTS = "bool", "text", "texts"
KINDS: Mapping[str, Mapping[str, str]] = {
    "ADD": {
        "checksum": TEXT,
        "chmod": TEXT,
        "chown": TEXT,
        "exclude": TEXTS,
        "keep-git-dir": BOOL,
        "link": BOOL,
        "unpack": BOOL,
    },
    "COPY": {
        "chmod": TEXT,
        "chown": TEXT,
        "exclude": TEXTS,
        "from": TEXT,
        "link": BOOL,
        "parents": BOOL,
    },
    "FROM": {"platform": TEXT},
    "HEALTHCHECK": dict.fromkeys(forms.HEALTH_FLAGS, TEXT),
    "RUN": {"device": TEXTS, "mount": TEXTS, "network": TEXT, "security": TEXT},
}
"""The flags an instruction has; one of TEXTS may be there several times."""
NETWORKS = ("default", "none", "host")
SECURITIES = ("sandbox", "insecure")
MOUNT_TYPES = ("bind", "cache", "tmpfs", "secret", "ssh")
MOUNT_SHARING = ("shared", "private", "locked")
MOUNT_KEYS = (
    "type", "from", "source", "target", "readonly", "id", "sharing", "required", "size", "mode",
    "uid", "gid", "src", "dst", "destination", "ro", "rw", "readwrite", "env",
)  # fmt: skip
WITHOUT_VALUE = ("readonly", "ro", "readwrite", "rw", "required")


class Flags:
    """The flags one instruction has."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self.pairs = tuple(pairs)

    def text(self, name: str) -> str:
        """The flag's value, "" if it is not there."""
        return next((value for each, value in self.pairs if each == name), "")

    def texts(self, name: str) -> tuple[str, ...]:
        """All values of a flag."""
        return tuple(value for each, value in self.pairs if each == name)

    def bool(self, name: str) -> bool | None:
        """Whether it is set; None if it is not there."""
        found = self.texts(name)
        return None if not found else found[0] != "false"


NONE = Flags()


def split(rest: str, escape: str) -> tuple[list[str], str]:
    """The words that are flags, without quotes and escapes, and what follows them."""
    found: list[str] = []
    position = 0
    while rest.startswith("--", position):
        word, end = _word(rest, position, escape)
        position = end
        while rest[position : position + 1].isspace():
            position += 1
        if word == "--":
            break
        found.append(word)
    return found, rest[position:].strip()


def _word(rest: str, start: int, escape: str) -> tuple[str, int]:
    """The word that begins at `start`, and where it ends."""
    word, quote, position = [], "", start
    while position < len(rest):
        character = rest[position]
        if not quote and character.isspace():
            break
        position += 1
        if character == quote:
            quote = ""
            continue
        if not quote and character in "'\"":
            quote = character
            continue
        if character == escape:
            character = rest[position : position + 1]
            position += 1
        word.append(character)
    return "".join(word), min(position, len(rest))


def read(instruction: str, words: Iterable[str]) -> Flags:
    """The flags, checked by what the instruction has. Raises Mistake."""
    kinds = KINDS.get(instruction, {})
    pairs: list[tuple[str, str]] = []
    for word in words:
        flag, sign, value = word.partition("=")
        name = flag[2:]
        kind = kinds.get(name)
        if kind is None:
            others = ", ".join(f"--{each}" for each in kinds)
            hint = f"{instruction} has {others}" if others else f"{instruction} has no flags"
            near = meant(flag, [f"--{each}" for each in kinds])
            raise Mistake(f"unknown flag: {flag}{near}", flag, hint=hint)
        if kind != TEXTS and any(name == each for each, _ in pairs):
            raise Mistake(f"duplicate flag specified: {flag}", word)
        if kind == BOOL:
            value = _bool(flag, sign, value)
        elif not sign:
            raise Mistake(f"missing a value on flag: {flag}", flag)
        pairs.append((name, value))
    return Flags(pairs)


def _bool(flag: str, sign: str, value: str) -> str:
    if sign and not value:
        raise Mistake(f"missing a value on flag: {flag}", flag)
    if value.lower() not in ("", "true", "false"):
        near = meant(value.lower(), ("true", "false"))
        raise Mistake(f"expecting boolean value for flag {flag}, not: {value}{near}", value)
    return value.lower() or "true"


def check_run(flags: Flags) -> None:
    """Raise Mistake for values that no RUN can have, as far as they have no variables."""
    if (network := flags.text("network")) not in ("", *NETWORKS):
        raise Mistake(f'invalid network mode "{network}"{meant(network, NETWORKS)}', network)
    if (security := flags.text("security")) not in ("", *SECURITIES):
        near = meant(security, SECURITIES)
        raise Mistake(f'security "{security}" is not valid{near}', security)
    for mount in flags.texts("mount"):
        _check_mount(mount)


def _check_mount(mount: str) -> None:
    from cuddy import comma_separated

    try:
        fields = comma_separated.read_record(mount) if '"' in mount else mount.split(",")
    except ValueError as error:
        raise Mistake(f"failed to parse csv mounts: {error}", mount) from None
    for field in fields:
        key, sign, value = field.partition("=")
        key = key.lower()
        if key not in MOUNT_KEYS:
            near = meant(key, MOUNT_KEYS)
            raise Mistake(f"unexpected key '{key}' in '{field}'{near}", field)
        if not sign and key not in WITHOUT_VALUE:
            raise Mistake(f"invalid field '{field}' must be a key=value pair", field)
        if key == "from" and "$" in value[:-1]:
            raise Mistake(
                "'from' doesn't support variable expansion, define alias stage instead", field
            )
        allowed = {"type": MOUNT_TYPES, "sharing": MOUNT_SHARING}.get(key)
        if allowed and "$" not in value and value.lower() not in allowed:
            what = "mount type" if key == "type" else "sharing value"
            near = meant(value.lower(), allowed)
            raise Mistake(f'unsupported {what} "{value}"{near}', field, hint=", ".join(allowed))
