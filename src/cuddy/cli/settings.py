"""Settings that a new process gets: --env and --env-file; and files of such lines in general."""

from __future__ import annotations

import os

from cuddy.cli import values
from cuddy.cli.flags import Kind
from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_FILE_BYTES = 8 << 20
VARIABLES = Kind("list", values.variable, (), many=True)


def environment(env_files: tuple[str, ...], variables: tuple[str, ...]) -> Iterator[str]:
    """The variables of --env-file and, after them, of --env. A bare KEY takes the caller's value.

    One that the caller has not set is left out of a file, and unsets the image's when written with
    --env (the engine's doing).
    """
    for line in lines(env_files, "env"):
        if "=" in line:
            yield line
        elif line in os.environ:
            yield f"{line}={os.environ[line]}"
    for variable in variables:
        bare = "=" not in variable and variable in os.environ
        yield f"{variable}={os.environ[variable]}" if bare else variable


def lines(paths: tuple[str, ...], kind: str) -> Iterator[str]:
    """The settings in files: one a line, comments and empty lines dropped, quotes kept."""
    for path in paths:
        for number, line in enumerate(read(path).split(b"\n"), 1):
            try:
                setting = line.removesuffix(b"\r").decode("utf-8-sig" if number == 1 else "utf-8")
                setting = setting.lstrip()
                if setting and not setting.startswith("#"):
                    _check_key(setting)
                    yield setting
            except ValueError as error:
                reason = "not UTF-8" if isinstance(error, UnicodeDecodeError) else error
                message = f"invalid {kind} file ({path}): line {number}: {reason}"
                raise InvalidArgument(message) from None


def read(path: str) -> bytes:
    """A file of settings; a pipe will do, as in `--env-file <(printenv)`."""
    with open(path, "rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise InvalidArgument(f"{path}: larger than {MAX_FILE_BYTES} bytes")
    return data


def _check_key(setting: str) -> None:
    key = setting.partition("=")[0]
    if not key:
        raise ValueError(f"no variable name on line '{setting}'")
    if any(character.isspace() for character in key):
        raise ValueError(f"variable '{key}' contains whitespaces")
