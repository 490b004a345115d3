"""What is in a git repository at one commit: a context, or what ADD names. By the program `git`.

Both the URL and what is in the repository may be a stranger's; see `git_source` and `git_program`.
What git brings is counted before it is written out: a few kilobytes can name the same file a
billion times. Only the wanted commit is brought, nothing older, where the server can do that.

All times are the commit's, and no id of an inode is left: one commit makes the same files always.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.builder import git_source, remote
from cuddy.builder.git_program import PUBLIC, Access, Git
from cuddy.errors import CorruptContent, NotFound, SystemFailure
from cuddy.kernel import resolve as paths
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.builder.git_source import Source
    from cuddy.image.settings import Settings

MAX_FILES = 2_000_000
MAX_LISTING = 1 << 30
LAST_MOMENT = 1 << 33
WANTED = "refs/cuddy/wanted"
PEELED = "^{}"


class Commit(NamedTuple):
    """What a source means at the moment. `ref`: complete, or an id."""

    id: str
    ref: str
    tag: str = ""  # the id of the tag that leads to it, if that has one


def resolve(source: Source, settings: Settings, access: Access = PUBLIC) -> Commit:
    """Which commit a source means now. Raises NotFound, SystemFailure, CorruptContent."""
    if git_source.is_commit(source.ref):
        found = Commit(source.ref, source.ref)
    else:
        git = Git("/", source, settings, access)
        names = [source.ref, source.ref + PEELED] if source.ref else ["HEAD"]
        listed = git.run("ls-remote", "--symref", "--", source.remote, *names)
        found = find(source, listed)
    ids = [found.id, found.tag]
    if source.checksum and not any(each.startswith(source.checksum.lower()) for each in ids):
        raise CorruptContent(
            f"{source.shown}: expected checksum to match {source.checksum}, got {found.id}"
        )
    return found


def find(source: Source, listed: str) -> Commit:
    """What is wanted in the answer of `git ls-remote`. Branches go before tags, as for git."""
    ids: dict[str, str] = {}
    default = ""
    for line in listed.splitlines():
        what, _, name = line.partition("\t")
        if what.startswith("ref: "):
            default = what.removeprefix("ref: ")
        elif git_source.is_commit(what):
            ids.setdefault(name, what)
    ref = source.ref
    if not ref:
        if "HEAD" not in ids:
            raise NotFound(f"{source.shown} has no default branch", hint="name one: URL#BRANCH")
        is_plain = default.startswith("refs/heads/") and git_source.is_ref(default)
        return Commit(ids["HEAD"], default if is_plain else ids["HEAD"])
    plain = ref.removeprefix("refs/")
    tag = f"refs/tags/{plain.removeprefix('tags/')}"
    for name in (f"refs/{plain}", f"refs/heads/{plain.removeprefix('heads/')}", tag):
        if name in ids:
            peeled = ids.get(name + PEELED, "")
            return Commit(peeled or ids[name], name, ids[name] if peeled else "")
    raise NotFound(f"{source.shown} does not contain ref {ref}")


def checkout(
    source: Source,
    directory: str,
    *,
    settings: Settings,
    access: Access = PUBLIC,
    keep_git_dir: bool = False,
    commit: Commit | None = None,
) -> str:
    """Bring the files of a source into a new directory; the path of those that are wanted.

    `commit`: what `resolve` has found. Raises NotFound, SystemFailure, CorruptContent.
    """
    commit = commit or resolve(source, settings, access)
    os.mkdir(directory, 0o755)
    limit = remote.room(directory)
    git = Git(directory, source, settings, access, limit)
    is_kept = keep_git_dir if source.keep_git_dir is None else source.keep_git_dir
    name = commit.ref if is_kept and commit.ref.startswith("refs/") else WANTED
    fetch(git, commit, name)
    count(git, commit.id, limit)
    git.run("checkout", "--quiet", "--detach", "--force", commit.id)
    if source.submodules and os.path.lexists(f"{directory}/.gitmodules"):
        bring_submodules(git)
    moment = time_of(git.run("log", "-1", "--format=%ct", commit.id))
    if is_kept and not source.subdir:
        tidy(git, commit)
    else:
        remove_git_dirs(directory)
    set_times(directory, moment)
    return find_subdir(directory, source)


def fetch(git: Git, commit: Commit, name: str) -> None:
    """Bring one commit into a new repository, and give it a name there."""
    format = "sha256" if len(commit.id) == max(git_source.COMMIT_LENGTHS) else "sha1"
    git.run("init", "--quiet", "--template=", f"--object-format={format}")
    git.run("config", "remote.origin.url", git.source.remote)
    wanted = commit.ref
    attempts = [
        ("--depth=1", "--no-tags", "--", "origin", f"+{wanted}:{name}"),
        ("--no-tags", "--", "origin", f"+{wanted}:{name}"),
        ("--tags", "--", "origin", "+refs/heads/*:refs/remotes/origin/*"),
    ]
    if wanted == commit.id:
        # Some servers give only what a ref names: then all is brought in which it may be.
        attempts[1:2] = []
    for attempt in attempts:
        try:
            git.run("fetch", "--quiet", "--force", *attempt)
            if git.run("cat-file", "-t", commit.id).strip() == "commit":
                return
        except (SystemFailure, NotFound) as error:
            failure = error
        else:
            failure = NotFound(f"{git.source.shown}: {commit.id} is not a commit")
    raise failure


def count(git: Git, commit: str, limit: int) -> None:
    """Refuse what would fill the disk. Raises CorruptContent."""
    number = total = 0
    rest = b""
    for piece in git.stream("ls-tree", "-r", "-t", "-l", "-z", commit, most=MAX_LISTING):
        *entries, rest = (rest + piece).split(b"\0")
        number += len(entries)
        for entry in entries:
            size = entry.partition(b"\t")[0].rpartition(b" ")[2]
            total += int(size) if size.isdigit() else 0
        if number > MAX_FILES or total > limit:
            what = f"{MAX_FILES} files" if number > MAX_FILES else f"{limit} bytes"
            raise CorruptContent(f"{git.source.shown} has more than {what} in it")


def bring_submodules(git: Git) -> None:
    """Those of the commit, and those in them; from other hosts too, but never from this one."""
    words = ("submodule", "--quiet", "update", "--init", "--recursive", "--force")
    try:
        git.run(*words, "--depth=1", is_own=False)
    except (SystemFailure, NotFound):
        # The server of one of them may not give a commit that no ref names.
        git.run(*words, is_own=False)


def tidy(git: Git, commit: Commit) -> None:
    """Leave nothing in .git that differs each time, nor credentials."""
    git.run("config", "remote.origin.url", git.source.shown)
    git.run("read-tree", commit.id)  # an index without the times and inodes of this checkout
    for name in ("FETCH_HEAD", "ORIG_HEAD", "logs"):
        files.remove_tree(f"{git.directory}/.git/{name}")


def remove_git_dirs(directory: str) -> None:
    """Take away .git, also those by which submodules find their part of it."""
    for place, names, others in os.walk(directory):
        if ".git" in names or ".git" in others:
            files.remove_tree(f"{place}/.git")
        names[:] = [name for name in names if name != ".git"]


def time_of(said: str) -> int:
    """The moment that a commit claims to be of; 1970 if no file can be of it."""
    digits = said.strip()
    moment = int(digits) if digits.isdigit() and len(digits) < 12 else 0
    return moment if moment < LAST_MOMENT else 0


def set_times(directory: str, moment: int) -> None:
    """Everything is of the same moment."""
    times = (moment * 10**9, moment * 10**9)
    for place, names, others in os.walk(directory, topdown=False):
        for name in [*names, *others]:
            os.utime(f"{place}/{name}", ns=times, follow_symlinks=False)
    os.utime(directory, ns=times)


def find_subdir(directory: str, source: Source) -> str:
    """Where the wanted directory is, to which no link may lead. Raises NotFound."""
    if not source.subdir:
        return directory
    top = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.close(paths.open_beneath(top, source.subdir, os.O_PATH | os.O_DIRECTORY))
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise NotFound(f"{source.shown}: invalid subdir {source.subdir!r}: {reason}") from None
    finally:
        os.close(top)
    return f"{directory}/{source.subdir}"
