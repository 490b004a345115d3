"""What names a git repository: https://HOST/REPO.git#REF:SUBDIR, git@HOST:REPO.git and their kin.

As BuildKit reads them: http(s) URLs count only if their path ends in .git; instead of a fragment
they may have a query (ref, tag, branch, subdir, checksum, submodules, keep-git-dir). Everything in
them may come from a stranger's Dockerfile, and all of it becomes arguments of git: so nothing may
begin with a dash, and a ref is made of what refs are made of.
"""

from __future__ import annotations

from cuddy.errors import InvalidArgument
from cuddy.image import digest as digests
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

COMMIT_LENGTHS = (40, 64)
SCHEMES = ("https", "http", "ssh", "git")
LOCAL = "file"
USER_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
HOST_CHARACTERS = USER_CHARACTERS - {"_"} | {"."}
NOT_IN_REFS = frozenset(" ~^:?*[\\\x7f") | {chr(code) for code in range(32)}
YES = ("", "1", "t", "T", "true", "TRUE", "True")
NO = ("0", "f", "F", "false", "FALSE", "False")


class Source(NamedTuple):
    """A repository, and what of it is wanted. `ref`: "" for the default branch."""

    remote: str  # for git; with the credentials that the user wrote into it
    ref: str = ""  # a branch, a tag, refs/..., or a whole commit id
    subdir: str = ""  # without slashes at its ends
    checksum: str = ""  # how the id of the commit has to begin
    keep_git_dir: bool | None = None
    submodules: bool = True

    @property
    def scheme(self) -> str:
        """How the repository is reached."""
        scheme, marks, _ = self.remote.partition("://")
        return scheme if marks else "ssh"

    @property
    def host(self) -> str:
        """Where the repository is, and at which port if that is said."""
        rest = self.remote.rpartition("://")[2]
        return rest.partition("/")[0].rpartition("@")[2]

    @property
    def name(self) -> str:
        """What `git clone` would call the directory."""
        return self.remote.rpartition("/")[2].rpartition(":")[2].removesuffix(".git")

    @property
    def shown(self) -> str:
        """The remote without credentials."""
        return redact(self.remote)


def parse(text: str, *, is_context: bool = False) -> Source | None:
    """What a text says of a repository; None if it names something else.

    `is_context`: the user typed it, so it may be on this machine, and begin with github.com.
    Raises InvalidArgument.
    """
    if not (remote := _remote(text, is_context)):
        return None
    location, _, fragment = text.partition("#")
    location, _, query = location.partition("?")
    remote = _remote(location, is_context)
    ref, _, subdir = fragment.partition(":")
    source = _with_query(Source(remote, ref, _clean(subdir)), query, text)
    _check(source, text)
    return source


def is_commit(ref: str) -> bool:
    """Whether a ref is the whole id of a commit."""
    return len(ref) in COMMIT_LENGTHS and digests.is_hex(ref)


def redact(remote: str) -> str:
    """A remote as it may be shown: without a password."""
    scheme, marks, rest = remote.partition("://")
    authority, slash, path = rest.partition("/")
    user, at, host = authority.rpartition("@")
    if not marks or not at:
        return remote
    name = "" if scheme != "ssh" else user.partition(":")[0] + at
    return f"{scheme}://{name}{host}{slash}{path}"


def _remote(text: str, is_context: bool) -> str:
    """The text as a remote, whatever follows it; "" if it is none."""
    if is_context and text.startswith("github.com/"):
        return f"https://{text}"
    location = text.partition("#")[0].partition("?")[0]
    scheme, marks, rest = location.partition("://")
    scheme = scheme.lower()
    if marks:
        if scheme in ("http", "https"):
            return f"{scheme}://{rest}" if rest.endswith(".git") else ""
        is_one = scheme in SCHEMES or (is_context and scheme == LOCAL)
        return f"{scheme}://{rest}" if is_one else ""
    user, at, place = location.partition("@")
    host, colon, path = place.partition(":")
    is_plain = not (set(user) - USER_CHARACTERS or set(host) - HOST_CHARACTERS)
    return location if at and colon and user and host and path and is_plain else ""


def _with_query(source: Source, query: str, text: str) -> Source:
    for name, value in _pairs(query, text):
        if name in ("ref", "tag", "branch"):
            prefix = {"ref": "", "tag": "refs/tags/", "branch": "refs/heads/"}[name]
            ref = value if value.startswith(prefix) else prefix + value
            if source.ref not in ("", ref):
                raise _invalid(text, f"it names two refs, {source.ref!r} and {ref!r}")
            source = source._replace(ref=ref)
        elif name == "subdir":
            if source.subdir not in ("", _clean(value)):
                raise _invalid(text, f"it names two subdirs, {source.subdir!r} and {value!r}")
            source = source._replace(subdir=_clean(value))
        elif name in ("checksum", "commit"):
            source = source._replace(checksum=value)
        elif name == "keep-git-dir":
            source = source._replace(keep_git_dir=_boolean(name, value, text))
        elif name == "submodules":
            source = source._replace(submodules=_boolean(name, value, text))
        elif name != "mtime":  # ours are always those of the commit
            raise _invalid(text, f"unexpected query {name!r}")
    return source


def _pairs(query: str, text: str) -> Iterator[tuple[str, str]]:
    """The names and values of a query, each name once."""
    from urllib.parse import unquote_plus

    seen = set()
    for part in query.split("&") if query else ():
        name, _, value = part.partition("=")
        if name in seen:
            raise _invalid(text, f"query {name!r} has several values")
        seen.add(name)
        if not value and name not in ("submodules", "keep-git-dir"):
            raise _invalid(text, f"query {name!r} has no value")
        yield name, unquote_plus(value)


def _boolean(name: str, value: str, text: str) -> bool:
    if value in YES or value in NO:
        return value in YES
    raise _invalid(text, f"{name}={value!r} is neither true nor false")


def _clean(subdir: str) -> str:
    """A directory below the root; `..` there is the root itself."""
    kept: list[str] = []
    for part in subdir.split("/"):
        if part == "..":
            del kept[-1:]
        elif part not in ("", "."):
            kept.append(part)
    return "/".join(kept)


def _check(source: Source, text: str) -> None:
    """Refuse what git could take for something else. Raises InvalidArgument."""
    host = source.remote.partition("://")[2] or source.remote
    if not source.remote.isprintable() or " " in source.remote or "\\" in source.remote:
        raise _invalid(text, "it has characters in it that no URL can have")
    if host.startswith("-") or host.partition("/")[0].rpartition("@")[2].startswith("-"):
        raise _invalid(text, "a host cannot begin with a dash")
    if source.scheme != LOCAL and not host.partition("/")[0]:
        raise _invalid(text, "it names no host")
    if not is_ref(source.ref):
        raise _invalid(text, f"{source.ref!r} is no ref")
    if source.checksum and not digests.is_hex(source.checksum.lower()):
        raise _invalid(text, f"the checksum {source.checksum!r} is no id of a commit")
    if "\0" in source.subdir:
        raise _invalid(text, f"{source.subdir!r} is no directory")


def is_ref(ref: str) -> bool:
    """Whether a text may be a ref (git-check-ref-format(1)); "" is the default branch."""
    return not (
        ref.startswith(("-", "/", "."))
        or ref.endswith(("/", ".", ".lock"))
        or ".." in ref
        or "@{" in ref
        or "//" in ref
        or "/." in ref
        or len(ref) > 1000
        or not NOT_IN_REFS.isdisjoint(ref)
    )


def _invalid(text: str, why: str) -> InvalidArgument:
    shown = ascii(redact(text[:200]))[1:-1]
    return InvalidArgument(f"invalid git source {shown}: {ascii(why)[1:-1]}")
