"""`--chown=USER[:GROUP]`: whose the copies are. Names are those of the image's own files.

As BuildKit reads it: a number alone is the group's too, a name alone has the group that passwd
gives it, and "root" needs no file. A name that is in no file is a mistake here, as docker's
reference says.
"""

from __future__ import annotations

from cuddy.engine import users
from cuddy.errors import InvalidArgument
from cuddy.kernel import resolve


def identify(root_fd: int, text: str) -> tuple[int, int]:
    """uid and gid that a text means in an image. Raises InvalidArgument."""
    user, colon, group = text.partition(":")
    for part in (user, group):
        if part.count(":") or "\0" in part or "\n" in part:
            raise InvalidArgument(f"invalid --chown: {text!r}", hint="USER[:GROUP]")
        if users.looks_numeric(part) and not users.is_id(part):
            raise InvalidArgument(f"invalid --chown: user or group number {part} is out of range")
    uid, gid = find_user(root_fd, user)
    return uid, find_group(root_fd, group) if colon else gid


def find_user(root_fd: int, user: str) -> tuple[int, int]:
    """A user's number, and the group that goes with it."""
    if user in ("", "root"):
        return 0, 0
    if users.is_id(user):
        return int(user), int(user)
    accounts = users.parse_passwd(read(root_fd, "/etc/passwd"))
    account = users.find_account(user, accounts)
    return account.uid, account.gid


def find_group(root_fd: int, group: str) -> int:
    """A group's number."""
    if group in ("", "root"):
        return 0
    if users.is_id(group):
        return int(group)
    return users.find_group(group, users.parse_group(read(root_fd, "/etc/group")))


def read(root_fd: int, path: str) -> str:
    """A file of the image, as far as one may want to read it."""
    return resolve.read_in_root(root_fd, path).decode("utf-8", "replace")
