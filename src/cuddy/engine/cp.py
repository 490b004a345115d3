"""Cp: files and directories from a container to the host or the other way, or as a tar.

    gather (a tree, entry by entry) ─┐            ┌─▶ deposit (into a tree)
    tar, from standard input ────────┴─ entries ──┴─▶ tar, to standard output

A worker reaches into the container (inside.py); what it opens and mounts ends with it. Of a
container that does not run, the lock keeps it from starting only while something is copied into it.
"""

from __future__ import annotations

import errno
import os

from cuddy.engine import container, containers, cp_paths, events, export, inside, users
from cuddy.engine.carriage import Carriage
from cuddy.engine.cp_inside import Inside, shown_target
from cuddy.errors import InvalidArgument, SystemFailure
from cuddy.image import blobs, compression, gather, workers
from cuddy.image.deposit import Deposit, Ownership
from cuddy.image.tree import ABSENT
from cuddy.kernel import idmap
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cuddy.engine.container import Container
    from cuddy.engine.cp_paths import HostSource, HostTarget
    from cuddy.engine.home import Home
    from cuddy.image.workers import Send

    Progress = Callable[[int], None]

CHANGED = ABSENT | {errno.EEXIST, errno.EISDIR, errno.ENOTEMPTY}
"""What the kernel answers where something was a moment ago, or was not."""


class Options(NamedTuple):
    """What the user says of a copy."""

    archive: bool = False  # keep owners, and give what goes in to the container's user
    follow_link: bool = False  # copy what the source, if it is a link, leads to


def cp_out(
    home: Home,
    name: str,
    path: str,
    target: str,
    options: Options,
    progress: Progress | None = None,
) -> int:
    """Copy from a container to an absolute path of the host, or as a tar to descriptor 1 ("-").

    `progress` is told how many bytes have been copied. Returns how many it were, counted as a tar.
    Raises NotFound, InvalidArgument, Conflict, CorruptContent, SystemFailure, OSError.
    """
    goal = look_at_target(target)
    container_id = containers.find_id(home, name)
    if not path:
        raise InvalidArgument(f"no path is given for container {name}")

    def work(record: Container, view: Inside, carriage: Carriage) -> None:
        take_out(view, path, goal, options, carriage)

    return _copy(home, container_id, name, work, "archive-path", progress, writable=False)


def cp_in(
    home: Home, source: str, name: str, path: str, options: Options,
    progress: Progress | None = None,
) -> int:  # fmt: skip
    """Copy an absolute path of the host, or a tar from descriptor 0 ("-"), into a container.

    Else as `cp_out`.
    """
    container_id = containers.find_id(home, name)
    origin = look_at_source(source, options)

    def work(record: Container, view: Inside, carriage: Carriage) -> None:
        user = user_of(record, view) if options.archive else None
        ownership = Ownership(is_kept=True, user=user, maps=view.maps)
        if view.maps is None:
            put_in(view, path, origin, ownership, carriage)
            return
        with idmap.ActingAs(*view.maps.outside(0, 0)):
            put_in(view, path, origin, ownership, carriage)

    return _copy(home, container_id, name, work, "extract-to-dir", progress, writable=True)


def look_at_target(target: str) -> HostTarget | None:
    """Where on the host the copy is to go; None: as a tar. Raises InvalidArgument, NotFound."""
    return None if target == cp_paths.STREAM else cp_paths.look_at_target(target)


def look_at_source(source: str, options: Options) -> HostSource | None:
    """What of the host is to be copied; None: a tar. Raises InvalidArgument, NotFound."""
    if source == cp_paths.STREAM:
        return None
    return cp_paths.look_at_source(source, follow=options.follow_link)


def take_out(
    view: Inside, path: str, goal: HostTarget | None, options: Options, carriage: Carriage
) -> None:
    """Copy from inside to the host, in a worker. Raises as `cp_out`."""
    found = view.find_source(cp_paths.inside(path), follow=options.follow_link)
    if goal is None:
        carriage.stream(view.gather(found, streamed=True), 1)
        return
    decision = cp_paths.decide(found.source, goal.found)
    into_fd = os.open(goal.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    deposit = Deposit(into_fd, goal.parent, Ownership(is_kept=options.archive))
    carriage.put(view.gather(found, as_name=decision.name), deposit)


def put_in(
    view: Inside, path: str, origin: HostSource | None, ownership: Ownership, carriage: Carriage
) -> None:
    """Copy from the host to inside, in a worker. Raises as `cp_out`."""
    into = view.find_target(path)
    if origin is None:
        if not into.target.is_directory:
            raise InvalidArgument(f'destination "{view.name}:{path}" must be a directory')
        decision = cp_paths.Decision(True, b"")
    else:
        decision = cp_paths.decide(origin.found, into.target)
    directory_fd = view.open_target(into, decision)
    shown = shown_target(into, decision)
    deposit = Deposit(directory_fd, shown, ownership, view.finder(shown))
    if origin is None:
        carriage.unpack(compression.decompress(blobs.read_chunks(0)), deposit)
        return
    parent_fd = os.open(origin.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    carriage.put(gather.gather(parent_fd, origin.entry, decision.name), deposit)


def user_of(record: Container, view: Inside) -> tuple[int, int] | None:
    """Who the container's user is, if it has one."""
    wanted = record["Config"]["User"]
    if not wanted:
        return None
    identity = users.read_identity(view.root_fd, wanted)
    return identity.uid, identity.gid


def _copy(
    home: Home, container_id: str, name: str,
    work: Callable[[Container, Inside, Carriage], None], action: str,
    progress: Progress | None, *, writable: bool,
) -> int:  # fmt: skip
    """Have a worker do it."""

    def reach_in(send: Send) -> None:
        carriage = Carriage(send if progress else None)
        reach(home, container_id, name, work, action, carriage, writable=writable)
        send(total=carriage.total)

    return have_done(reach_in, progress)


def reach(
    home: Home, container_id: str, name: str,
    work: Callable[[Container, Inside, Carriage], None], action: str, carriage: Carriage, *,
    writable: bool,
) -> None:  # fmt: skip
    """Reach into a container, in a process that ends afterwards; `action` is told as an event."""
    with container.lock(home, container_id) as lock:
        record = containers.read(home, container_id, locked=True)
        view = inside.open_view(home, record, writable=writable)
        if not view.is_writable and "Sandbox" not in record:
            lock.close()  # of a sandbox nobody makes a snapshot meanwhile
        work(record, Inside(view.root_fd, name, maps=view.maps), carriage)
        if writable or not record["State"]["Running"]:
            export.check_unchanged(home, record)
    if action:
        events.emit_container(home, action, record)


def have_done(reach_in: Callable[[Send], None], progress: Progress | None) -> int:
    """Have a worker copy; returns the `total` that it tells. Raises as `cp_out`."""

    def begin(send: Send) -> None:
        os.umask(0)
        reach_in(send)

    try:
        with workers.Crew() as crew:
            worker = crew.start("copy", begin)
            told = worker.finish(progress and (lambda message: progress(message.get("done", 0))))
    except OSError as error:
        if error.errno == errno.EOVERFLOW:
            raise SystemFailure(
                "cannot copy all of it: a mount there is mapped, and root is nobody in it",
                hint="copy to its source on the host, or have the container's user copy",
            ) from None
        if error.errno not in CHANGED:
            raise
        why = os.strerror(error.errno).lower()
        hint = "did something change meanwhile? then try again"
        raise SystemFailure(f"cannot copy all of it: {why}", hint=hint) from None
    total: int = told["total"]
    return total
