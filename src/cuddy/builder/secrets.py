"""`--secret id=..,src=..|env=..`: what a step may see while it runs, and nobody afterwards.

A secret is read when a step asks for it. It stands in memory only: in a tmpfs of the builder's own
mount namespace, or in a step's environment, which is not written down anywhere. Its content is not
part of the key of a step, as with docker.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.comma_separated import read_record
from cuddy.errors import InvalidArgument, NotFound, SystemFailure
from cuddy.kernel import idmap
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_BYTES = 500 << 10
"""BuildKit's limit."""
MODE = 0o400


class Secret(NamedTuple):
    """Where a secret is. One of `path` and `variable` is set."""

    id: str
    path: str = ""
    variable: str = ""


def parse(text: str, environment: Mapping[str, str]) -> Secret:
    """One `--secret`: `id` alone is the variable of that name, or the file. InvalidArgument."""
    if "\0" in text:
        raise InvalidArgument(f"NUL character in {text!r}")
    found = {"id": "", "src": "", "env": "", "type": ""}
    try:
        fields = read_record(text)
    except ValueError as error:
        raise InvalidArgument(f"failed to parse csv secret: {error}") from None
    for field in fields:
        key, equals, value = field.partition("=")
        key = {"source": "src"}.get(key.lower(), key.lower())
        if not equals:
            raise InvalidArgument(f"invalid field '{field}' must be a key=value pair")
        if key not in found:
            raise InvalidArgument(f"unexpected key '{key}' in '{field}'", hint="id, src, env, type")
        found[key] = value
    if found["type"] not in ("", "file", "env"):
        raise InvalidArgument(f'unsupported secret type "{found["type"]}"', hint="file or env")
    if not found["id"]:
        raise InvalidArgument(
            "secret missing required field 'id'", hint="--secret id=NAME,src=FILE"
        )
    return _place(found, environment)


def _place(found: Mapping[str, str], environment: Mapping[str, str]) -> Secret:
    name, path, variable = found["id"], found["src"], found["env"]
    if found["type"] == "env" and not variable:
        return Secret(name, variable=path or name)
    if variable and path:
        raise InvalidArgument(f"secret {name}: both src and env are given", hint="one of the two")
    if variable:
        return Secret(name, variable=variable)
    if path or found["type"] == "file":
        return Secret(name, path=path or name)
    return Secret(name, variable=name) if name in environment else Secret(name, path=name)


class Secrets:
    """The secrets of one build, by their ids."""

    def __init__(self, texts: Sequence[str], environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.places = {secret.id: secret for secret in (parse(t, environment) for t in texts)}

    def check(self) -> None:
        """See that files are there, before anything is built. Raises NotFound, InvalidArgument."""
        for secret in self.places.values():
            if secret.path:
                os.close(_open(secret))

    def read(self, name: str) -> bytes | None:
        """A secret; None if nobody gave one of that id. Raises NotFound, InvalidArgument."""
        secret = self.places.get(name)
        if secret is None:
            return None
        if secret.variable:
            value = self.environment.get(secret.variable)
            return None if value is None else value.encode(errors="surrogateescape")
        fd = _open(secret)
        with os.fdopen(fd, "rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise InvalidArgument(f"secret {name} is too big: at most {MAX_BYTES} bytes")
        return data


def _open(secret: Secret) -> int:
    """A secret's file: whatever can be read, so that <(command) of a shell works too."""
    try:
        return os.open(secret.path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f"failed to stat {secret.path}: no such file or directory",
                       hint=f"the file of secret {secret.id}") from None  # fmt: skip
    except OSError as error:
        raise SystemFailure.from_os(f"cannot read secret {secret.id}", error) from error


def write(path: str, data: bytes, *, mode: int | None, uid: int | None, gid: int | None) -> None:
    """A secret as a file in a tmpfs, for one user to read."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        files.write_all(fd, data)
        idmap.chown(fd, uid or 0, gid or 0)
        os.fchmod(fd, MODE if mode is None else mode)
    finally:
        os.close(fd)
