"""Credentials written down: in Docker's config.json, or by the program that it names.

The file keeps everything else that is in it, and the way it is indented. It is replaced by one
rename, readable by nobody else.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os

from cuddy import files
from cuddy.errors import InvalidArgument, SystemFailure
from cuddy.image.credentials import (
    MAX_FILE_BYTES,
    TOKEN_USER,
    Credentials,
    filed_under,
    program_for,
    run_program,
)
from cuddy.image.settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Entries = dict[str, Any]


def store(settings: Settings, host: str, found: Credentials) -> bool:
    """Keep a registry's credentials; True if a secret has newly got into the file unencrypted.

    Raises InvalidArgument, SystemFailure.
    """
    path = settings.auth_files[0]
    document, _ = _read(path)
    key = filed_under(host)
    program = program_for(document, host)
    if program:
        secret = {
            "ServerURL": key,
            "Username": TOKEN_USER if found.identity_token else found.username,
            "Secret": found.identity_token or found.password,
        }
        run_program(settings, program, "store", files.format_json(secret))
    # The file names whoever is logged in, even where it does not hold the secret.
    entry = {} if program else _entry(found)
    changed = _change(path, lambda entries: entries.update({key: entry}))
    return changed and not program and not found.identity_token


def _entry(found: Credentials) -> dict[str, str]:
    """Credentials as Docker writes them."""
    joined = f"{found.username}:{found.password}".encode()
    entry = {"auth": base64.b64encode(joined).decode()}
    return entry | ({"identitytoken": found.identity_token} if found.identity_token else {})


def erase(settings: Settings, host: str) -> None:
    """Forget a registry's credentials; that there are none is fine.

    Raises InvalidArgument, SystemFailure.
    """
    path = settings.auth_files[0]
    document, _ = _read(path)
    key = filed_under(host)
    keys = [key] if key != host else [host, f"http://{host}", f"https://{host}"]
    if program := program_for(document, host):
        for each in keys:
            run_program(settings, program, "erase", each)

    def forget(entries: Entries) -> None:
        for each in keys:
            entries.pop(each, None)

    if os.path.exists(path):
        _change(path, forget)


def _read(path: str) -> tuple[dict[str, Any], str]:
    """The document in a file, and its text. Raises InvalidArgument for one that is broken."""
    try:
        with open(path, "rb") as file:
            text = file.read(MAX_FILE_BYTES).decode()
        document = files.parse_json(text) if text.strip() else {}
    except (FileNotFoundError, NotADirectoryError):
        return {}, ""
    except (OSError, ValueError) as error:
        raise InvalidArgument(f"cannot read credentials from {path}: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("auths") or {}, dict):
        raise InvalidArgument(f"{path} is not a file of credentials")
    return document, text


def _change(path: str, change: Callable[[Entries], None]) -> bool:
    """Change `auths` of a file, which is made if need be; whether that made a difference."""
    target = os.path.realpath(path)
    directory = os.path.dirname(target)
    try:
        files.make_directory(directory)
        lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            document, before = _read(target)
            entries = dict(document.get("auths") or {})
            change(entries)
            if entries == document.get("auths"):
                return False
            text = _format({**document, "auths": entries}, before)
            files.write(target, text.encode(), mode=0o600)
            return True
        finally:
            os.close(lock)
    except OSError as error:
        raise SystemFailure.from_os("cannot keep the credentials", error) from error


def _format(document: dict[str, Any], before: str) -> str:
    """The document, indented as it was; by tabs if it is new, as Docker does it."""
    end = "\n" if before.endswith("\n") else ""
    body = before.strip()
    if body and "\n" not in body:
        return json.dumps(document, ensure_ascii=False) + end
    first = body.partition("\n")[2]
    blanks = first[: len(first) - len(first.lstrip(" \t"))]
    return json.dumps(document, ensure_ascii=False, indent=blanks or "\t") + end
