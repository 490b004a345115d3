"""What is kept of a step that failed, so that somebody can look at it: `cuddy build shell`.

    <root>/build/failed/<build id>/
        failed.json    what was to run, on which layers, with what mounted; no secret is in it
        upper/         what the step had written
        lock           held by the shell in it

The last few are kept. Layers below may be pruned meanwhile: then there is no shell any more.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.builder.mounts_flag import Mount
from cuddy.builder.options import BuildOptions
from cuddy.builder.run import Wanted
from cuddy.errors import CorruptContent, NotFound
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from cuddy.builder.run_room import Resolve
    from cuddy.builder.snapshot import Snapshot
    from cuddy.engine.home import Home

KEPT = 3
LAST = "LAST"


class Place(NamedTuple):
    """Where the files of a `from` are: layers, or a directory of the host."""

    chain_ids: tuple[str, ...] = ()
    path: str = ""
    name: str = ""


class Failure(NamedTuple):
    """A step that failed. `shown`: the instruction; `status`: the exit code, 0 if it had none."""

    build_id: str
    shown: str
    status: int
    created: str
    chain_ids: tuple[str, ...]
    wanted: Wanted
    shell: tuple[str, ...]
    options: BuildOptions
    places: dict[str, Place]

    def directory(self, home: Home) -> str:
        """Where it is kept."""
        return directory(home, self.build_id)


def keep(
    home: Home, build_id: str, snapshot: Snapshot, wanted: Wanted, options: BuildOptions,
    find: Resolve, *, shown: str, status: int, shell: Sequence[str],
) -> None:  # fmt: skip
    """Keep what a step has written, which is taken out of its snapshot. Raises OSError."""
    found = Failure(
        build_id, shown, status, files.now(), tuple(snapshot.chain_ids), wanted, tuple(shell),
        options._replace(environment=()), places_of(wanted, find),
    )  # fmt: skip
    aside = f"{home.tmp_dir}/{files.name_temporary()}"
    files.make_directory(aside)
    files.make_directory(room(home))
    snapshot.unmount()
    try:
        os.rename(snapshot.upper, f"{aside}/upper")
        files.write_json(f"{aside}/failed.json", document(found), durable=False)
        os.close(os.open(f"{aside}/lock", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        os.rename(aside, directory(home, build_id))
    finally:
        files.remove_tree(aside)
    trim(home, KEPT)


def places_of(wanted: Wanted, find: Resolve) -> dict[str, Place]:
    """Where the files are that it mounts."""
    found = {}
    for name in {each.from_ for each in wanted.mounts if each.type in ("bind", "cache")}:
        origin = find(name)
        if origin.tree is None:
            found[name] = Place(tuple(origin.chain_ids))
        else:
            path = os.readlink(f"/proc/self/fd/{origin.tree.fd}")
            found[name] = Place(path=path, name=origin.tree.name)
    return found


def document(failure: Failure) -> dict[str, Any]:
    """A failure as JSON."""
    script = failure.wanted.script
    wanted = failure.wanted._asdict() | {
        "mounts": [each._asdict() for each in failure.wanted.mounts],
        "script": None if script is None else script.decode("latin-1"),
    }
    return failure._asdict() | {
        "wanted": wanted,
        "options": failure.options._asdict(),
        "places": {name: place._asdict() for name, place in failure.places.items()},
    }


def read(home: Home, build_id: str = LAST) -> Failure:
    """What was kept of a build, or of the last one that failed. Raises NotFound, CorruptContent."""
    known = ids(home)
    if build_id == LAST and known:
        build_id = known[-1]
    chosen = [each for each in known if each.startswith(build_id)] if build_id else []
    if len(chosen) != 1:
        what = "no build has failed lately" if build_id == LAST else f"no such build: {build_id}"
        hint = "of the last three builds that fail, the failing step is kept"
        raise NotFound(what, hint=hint)
    path = f"{directory(home, chosen[0])}/failed.json"
    try:
        return parse(files.read_json(path))
    except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise CorruptContent(f"{path} cannot be read: {error}") from None


def parse(found: dict[str, Any]) -> Failure:
    """A document as a failure. Raises ValueError, TypeError, LookupError, AttributeError."""
    wanted = found["wanted"]
    script = wanted["script"]
    return Failure(**found)._replace(
        chain_ids=tuple(found["chain_ids"]),
        shell=tuple(found["shell"]),
        wanted=Wanted(**frozen(wanted))._replace(
            script=None if script is None else script.encode("latin-1"),
            mounts=tuple(Mount(**each) for each in wanted["mounts"]),
        ),
        options=BuildOptions(**frozen(found["options"])),
        places={name: Place(**frozen(place)) for name, place in found["places"].items()},
    )


def frozen(section: dict[str, Any]) -> dict[str, Any]:
    """Lists as tuples."""
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in section.items()
    }


def ids(home: Home) -> list[str]:
    """The builds of which something is kept, the oldest first."""
    found = []
    for name in files.list_directory(room(home)):
        try:
            found.append((os.stat(f"{directory(home, name)}/failed.json").st_mtime_ns, name))
        except OSError:
            found.append((0, name))
    return [name for _, name in sorted(found)]


def trim(home: Home, number: int) -> None:
    """Keep only the newest. Raises OSError."""
    known = ids(home)
    for name in known[: max(0, len(known) - number)]:
        remove(home, name)


def remove(home: Home, build_id: str) -> bool:
    """Forget one, unless somebody is in it. Raises OSError."""
    where = directory(home, build_id)
    try:
        lock = files.Lock(f"{where}/lock")
        if not lock.attempt():
            return False
    except FileNotFoundError:
        files.remove_tree(where)
        return True
    try:
        aside = f"{home.tmp_dir}/{files.name_temporary()}"
        os.rename(where, aside)
    except FileNotFoundError:
        return True
    finally:
        lock.close()
    files.remove_tree(aside)
    return True


def room(home: Home) -> str:
    """Where all are kept."""
    return f"{home.build_dir}/failed"


def directory(home: Home, build_id: str) -> str:
    """Where one is kept."""
    return f"{room(home)}/{build_id}"
