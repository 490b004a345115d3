"""Users and groups of an image: `--user`, /etc/passwd and /etc/group (passwd(5), group(5)).

The files are the image's and hostile: opened inside its root, regular files only, at most a
mebibyte, lines that make no sense skipped. Name services are never asked (CVE-2019-14271).
"""

from __future__ import annotations

from cuddy.errors import InvalidArgument
from cuddy.kernel import namespaces, resolve
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_ID = (1 << 32) - 2


class Identity(NamedTuple):
    """Who a process is: numbers for the kernel, and the home directory for HOME."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


class Account(NamedTuple):
    """A line of passwd(5)."""

    name: str
    uid: int
    gid: int
    home: str


class Group(NamedTuple):
    """A line of group(5)."""

    name: str
    gid: int
    members: tuple[str, ...]


def parse_passwd(text: str) -> list[Account]:
    """The lines that are well formed."""
    accounts = []
    for line in text.split("\n"):  # splitlines() would end lines where no other program does
        fields = line.split(":")
        if len(fields) >= 6 and is_id(fields[2]) and is_id(fields[3]):
            accounts.append(Account(fields[0], int(fields[2]), int(fields[3]), fields[5]))
    return accounts


def parse_group(text: str) -> list[Group]:
    """The lines that are well formed."""
    groups = []
    for line in text.split("\n"):
        fields = line.split(":")
        if len(fields) >= 4 and is_id(fields[2]):
            members = tuple(member for member in fields[3].split(",") if member)
            groups.append(Group(fields[0], int(fields[2]), members))
    return groups


def is_id(text: str) -> bool:
    """Whether a text is a number the kernel takes for a user or group."""
    return text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= MAX_ID


def identify(wanted: str, accounts: list[Account], groups: list[Group]) -> Identity:
    """`name|uid[:group|gid]` -> numbers. Raises InvalidArgument for a name that is not there.

    An explicit group leaves out the supplementary groups that /etc/group gives the user.
    """
    user, colon, group = wanted.partition(":")
    account = find_account(user or "0", accounts)
    if colon and group:
        return Identity(account.uid, find_group(group, groups), (), account.home or "/")
    extra = tuple(g.gid for g in groups if account.name and account.name in g.members)
    return Identity(account.uid, account.gid, extra, account.home or "/")


def find_account(user: str, accounts: list[Account]) -> Account:
    """An account by name, or by number; a number need not be in the file.

    What reads as a number is never a name: an image could call root "1000".
    """
    if is_id(user):
        number = int(user)
        known = (account for account in accounts if account.uid == number)
        return next(known, Account("", number, 0, "/"))
    for account in accounts:
        if account.name == user and not looks_numeric(user):
            return account
    raise InvalidArgument(
        f"unable to find user {user}: no matching entries in passwd file",
        hint="of the image; a number works without an entry",
    )


def find_group(group: str, groups: list[Group]) -> int:
    """A group's number by name, or the number itself."""
    if is_id(group):
        return int(group)
    for entry in groups:
        if entry.name == group and not looks_numeric(group):
            return entry.gid
    raise InvalidArgument(
        f"unable to find group {group}: no matching entries in group file",
        hint="of the image; a number works without an entry",
    )


def check(user: str) -> None:
    """The form of --user; whether the names exist is known when the image's files are there."""
    if user.count(":") > 1 or any(c in user for c in "\n\0"):
        raise InvalidArgument(f"invalid user {user!r}", hint="NAME|UID[:GROUP|GID]")
    for part in user.split(":"):
        if looks_numeric(part) and not is_id(part):
            raise InvalidArgument(f"user or group number {part} is out of range")


def looks_numeric(text: str) -> bool:
    """Whether somebody may have meant a number, if only one that is out of range."""
    return text.lstrip("+-").isdigit()


def read_identity(root_fd: int, wanted: str, more: Iterable[str] = ()) -> Identity:
    """`identify` with the files of a root; `more`: further groups, by name or number."""
    passwd = resolve.read_in_root(root_fd, "/etc/passwd").decode("utf-8", "replace")
    groups = parse_group(resolve.read_in_root(root_fd, "/etc/group").decode("utf-8", "replace"))
    identity = identify(wanted, parse_passwd(passwd), groups)
    added = [find_group(group, groups) for group in more]
    if identity.groups and not namespaces.is_initial("user"):
        from cuddy.kernel import idmap

        if idmap.is_single():
            identity = identity._replace(groups=())  # there are no others: user_namespaces(7)
    return identity._replace(groups=tuple(dict.fromkeys((*identity.groups, *added))))
