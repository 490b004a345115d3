"""Volume cp: files from a volume to the host, the other way, or from one volume to another.

By the rules of `cp`, which see. Owners are those of the originals, but out on the host the caller's
unless they are to be kept: in a volume there is no user whose things could be meant.
"""

from __future__ import annotations

from cuddy.engine import cp, cp_paths, events, volume_view, volumes
from cuddy.engine.carriage import Carriage
from cuddy.engine.cp_inside import Inside, shown_target
from cuddy.errors import InvalidArgument
from cuddy.image.deposit import Deposit, Ownership
from cuddy.image.layer import is_content_or_access

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.cp import Options, Progress
    from cuddy.engine.cp_paths import Place
    from cuddy.engine.home import Home
    from cuddy.image.workers import Send

KEPT = Ownership(is_kept=True)


def copy(
    home: Home, source: Place, target: Place, options: Options, progress: Progress | None = None
) -> int:
    """Copy; at least one of the two is in a volume, which `container` names.

    Raises NoSuchVolume and what `cp.cp_out` does. Returns how many bytes it were, as a tar.
    """
    for place in (source, target):
        if place.container:
            volumes.read(home, place.container)
    if source.container and not source.path:
        raise InvalidArgument(f"no path is given for volume {source.container}")
    goal = None if target.container else cp.look_at_target(target.path)
    origin = None if source.container else cp.look_at_source(source.path, options)

    def reach_in(send: Send) -> None:
        carriage = Carriage(send if progress else None)
        if not target.container:
            view = open_inside(home, source.container, writable=False)
            cp.take_out(view, source.path, goal, options, carriage)
        elif not source.container:
            view = open_inside(home, target.container, writable=True)
            cp.put_in(view, target.path, origin, KEPT, carriage)
        else:
            between(home, source, target, options, carriage)
        for place in (source, target):
            if place.container:
                volume_view.check_presence(home, place.container)
        if target.container:
            events.emit(home, "volume", "copy", target.container, {"driver": volumes.DRIVER})
        send(total=carriage.total)

    return cp.have_done(reach_in, progress)


def between(home: Home, source: Place, target: Place, options: Options, carriage: Carriage) -> None:
    """From one volume to another, or to another place in the same."""
    into_view = open_inside(home, target.container, writable=True)
    from_view = open_inside(home, source.container, writable=False)
    found = from_view.find_source(cp_paths.inside(source.path), follow=options.follow_link)
    into = into_view.find_target(target.path)
    decision = cp_paths.decide(found.source, into.target)
    shown = shown_target(into, decision)
    into_fd = into_view.open_target(into, decision)
    deposit = Deposit(into_fd, shown, KEPT, into_view.finder(shown), is_root=True)
    gathered = from_view.gather(found, as_name=decision.name, is_wanted=is_content_or_access)
    carriage.put(gathered, deposit)


def open_inside(home: Home, name: str, *, writable: bool) -> Inside:
    """A volume as one side of a copy."""
    return Inside(volume_view.open_view(home, name, writable=writable), name, "volume")
