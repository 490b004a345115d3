"""Check: is everything in a home what it says it is? And repair: make it so.

The image store is examined by `image.check`; here are the containers, their names, and what dead
monitors have left in the kernel and in the run root. Damage that commands mend by themselves
whenever they look (an ended container that claims to run) is mended here too, and not told.
"""

from __future__ import annotations

import os
import stat

from cuddy import files
from cuddy.engine import (
    check_networks,
    check_resolver,
    check_volumes,
    container,
    containers,
    id_ranges,
    in_use,
    liveness,
    remains,
    unpause,
    volume_use,
)
from cuddy.errors import Conflict, CorruptContent, NoSuchContainer, SystemFailure
from cuddy.image import check as image_check
from cuddy.image import garbage, host, index, snapshots, store
from cuddy.image.finding import Finding, move_to_lost, strangers
from cuddy.kernel import cgroup
from cuddy.network import endpoint
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.image.garbage import Removal

ROOT_NAMES = frozenset(
    ("build", "containers", "ids", "images", "layers", "lost", "names", "networks", "tmp", "trials",
     "volumes", "doomed.json", "events.log", "events.log.1")
)  # fmt: skip


class Report(NamedTuple):
    """What was found. `is_repaired`: what could be repaired has been."""

    findings: list[Finding]
    is_repaired: bool

    @property
    def is_sound(self) -> bool:
        """Whether everything is in order, now."""
        left = [each for each in self.findings if each.is_broken]
        return not [each for each in left if not (self.is_repaired and each.is_repairable)]


def check(home: Home) -> Report:
    """Look at everything, change nothing. Raises CuddyError."""
    try:
        findings = [*_kernel(home, repairing=False)]
        with store.lease(home.storage):
            return Report(findings + _examine(home, None), is_repaired=False)
    except OSError as error:
        raise SystemFailure.from_os("cannot look at everything", error) from error


def repair(home: Home) -> Report:
    """Look at everything and put right what can be. Raises Conflict while others work."""
    try:
        # Takes containers' locks, which come before those of the store.
        findings = [*_kernel(home, repairing=True)]
        with garbage.Removal(home.storage) as removal:
            if not removal.is_alone:
                raise Conflict(
                    "other commands are at work with images", hint="try again when they are done"
                )
            return Report(findings + _examine(home, removal), is_repaired=True)
    except OSError as error:
        raise SystemFailure.from_os("cannot repair everything", error) from error


def _examine(home: Home, removal: Removal | None) -> list[Finding]:
    kept = in_use.find(home)
    busy = {each for claim in kept.claims if claim.is_running for each in claim.chain_ids}
    examination = image_check.Examination(home.storage, removal, held=kept.layers, busy=busy)
    findings = examination.run()
    lacking = {
        each for entry in examination.entries
        for each in index.annotation(entry, index.LACKS).split()
    }  # fmt: skip
    repairing = removal is not None
    for step in (_containers(home, lacking, repairing), _names(home, repairing),
                 _ids(home, repairing),
                 check_networks.examine_records(home, repairing=repairing),
                 check_volumes.examine(home, repairing=repairing),
                 check_resolver.examine(home, repairing=repairing),
                 _root(home, repairing)):  # fmt: skip
        findings += step
    return findings


def _ids(home: Home, repairing: bool) -> Iterator[Finding]:
    """Ranges of ids that are nobody's: they would be found when there are no others."""
    if not os.path.isdir(home.ids_dir):
        return
    with files.Lock(home.lock_path):
        for name in id_ranges.list_dead(home):
            yield Finding(f"ids {name}", "a killed command left it", "free them", is_broken=False)
            if repairing:
                os.unlink(f"{home.ids_dir}/{name}")


def _containers(home: Home, lacking: set[str], repairing: bool) -> Iterator[Finding]:
    """Records that can be read, and everything that a start needs."""
    for container_id in sorted(containers.ids(home)):
        what, where = f"container {container_id[:12]}", home.container_dir(container_id)
        try:
            record = container.read(home, container_id)
        except NoSuchContainer:
            if not os.path.isdir(where):
                continue  # it was just removed
            yield Finding(what, "it has no record", "move it to lost/")
        except CorruptContent as error:
            if _has_record(home, container_id):
                yield Finding(what, "its status cannot be read", "let it be one that never ran")
                if repairing:
                    os.unlink(f"{where}/status.json")
                continue
            yield Finding(what, error.message.partition(": ")[2], "move it to lost/")
        else:
            yield from _parts(home, record, lacking, repairing)
            continue
        if repairing:
            remains.clear(home, container_id)
            volume_use.keep(home, volume_use.used_by(home, container_id))
            move_to_lost(home.root, where)


def _has_record(home: Home, container_id: str) -> bool:
    try:
        record = files.read_json(f"{home.container_dir(container_id)}/container.json")
        container.check(record, container_id)
    except (OSError, ValueError):
        return False
    return True


def _parts(home: Home, record: Container, lacking: set[str], repairing: bool) -> Iterator[Finding]:
    """The directories of one container, and the layers below it."""
    what, where = f"container {record['Id'][:12]}", home.container_dir(record["Id"])
    chain = record.get("ChainIds") or []
    gone = [each for each in chain if not snapshots.has(home.storage, each)]
    for chain_id in gone:
        yield Finding(
            what, f"its layer {chain_id} is missing",
            f"'cuddy pull {record['Config'].get('Image') or record['Image']}' may bring it back",
            is_broken=chain_id not in lacking, is_repairable=False,
        )  # fmt: skip
    missing = [n for n in ("rootfs", "upper", "work") if not os.path.isdir(f"{where}/{n}")]
    if missing:
        remedy = "make it again, empty" if not gone else "nothing while its layer is missing"
        yield Finding(
            what, f"its directory {missing[0]} is missing", remedy, is_repairable=not gone
        )
        if repairing and not gone:
            _make_again(home, record, missing)


def _make_again(home: Home, record: Container, missing: list[str]) -> None:
    """The directories of a container as a new one has them; what it wrote stays if it is there."""
    where = home.container_dir(record["Id"])
    if "upper" in missing:
        files.remove_tree(f"{where}/work")
        if record["Image"] == host.IMAGE.id:
            host.make_upper(f"{where}/upper", f"{where}/work")
        else:
            snapshots.make_upper(
                home.storage, record.get("ChainIds", []), f"{where}/upper", f"{where}/work"
            )
    for name in missing:
        files.make_directory(f"{where}/{name}")


def _names(home: Home, repairing: bool) -> Iterator[Finding]:
    """Each container has its name, and each name its container."""
    owners: dict[str, str] = {}
    for name in sorted(files.list_directory(home.names_dir)):
        path = f"{home.names_dir}/{name}"
        shown = f"name {ascii(name)[1:-1]}"
        try:
            owner = os.readlink(path)
        except OSError:
            yield Finding(shown, "it is not a link to a container", "move it to lost/")
            if repairing:
                move_to_lost(home.root, path)
            continue
        if not os.path.isdir(home.container_dir(owner)):
            # A command killed between the name and the directory: the next claim sweeps it.
            yield Finding(shown, "its container never came to be", "free it", is_broken=False)
            if repairing:
                os.unlink(path)
            continue
        owners[name] = owner
    for container_id in sorted(containers.ids(home)):
        if not _has_record(home, container_id):
            continue
        record = files.read_json(f"{home.container_dir(container_id)}/container.json")
        name = record["Name"].removeprefix("/")
        yield from _second_names(home, owners, container_id, name, repairing)
        if owners.get(name) != container_id and container_id not in owners.values():
            what = f"container {container_id[:12]}"
            if name in owners or "/" in name or not name:
                yield Finding(what, f"its name {ascii(name)} is another's", "it has its id",
                              is_broken=False)  # fmt: skip
                continue
            yield Finding(what, f"its name {name} does not lead to it", "make it lead there")
            if repairing:
                os.symlink(container_id, f"{home.names_dir}/{name}")


def _second_names(
    home: Home, owners: dict[str, str], container_id: str, name: str, repairing: bool
) -> Iterator[Finding]:
    """Names that lead to a container which is called otherwise: a `rename` was killed."""
    if owners.get(name) != container_id:
        return  # it is known by this one only
    for other in [each for each, owner in owners.items() if owner == container_id]:
        if other != name:
            yield Finding(
                f"name {ascii(other)[1:-1]}", f"its container is called {name}", "free it",
                is_broken=False,
            )  # fmt: skip
            if repairing:
                os.unlink(f"{home.names_dir}/{other}")


def _root(home: Home, repairing: bool) -> Iterator[Finding]:
    """Files beside the directories of a home."""

    def is_known(name: str, mode: int) -> bool:
        is_lock = name == "lock" or name.endswith(".lock")
        return name in ROOT_NAMES or (is_lock and stat.S_ISREG(mode))

    def is_container(name: str, mode: int) -> bool:
        return stat.S_ISDIR(mode) and len(name) == containers.ID_LENGTH

    def is_network(name: str, mode: int) -> bool:
        return stat.S_ISREG(mode) and name.endswith((".json", ".lock"))

    rooms = (
        (home.root, is_known),
        (home.containers_dir, is_container),
        (home.networks_dir, is_network),
    )
    for directory, known in rooms:
        for finding, path in strangers(home.root, directory, known):
            yield finding
            if repairing and finding.is_broken:
                move_to_lost(home.root, path)
            elif repairing:
                files.remove_tree(path)


def _kernel(home: Home, *, repairing: bool) -> Iterator[Finding]:
    """What is not on disk: leases, then what dead monitors left, then the rest of networks."""
    yield from check_networks.examine_leases(home, repairing=repairing)
    yield from _remains(home, repairing)
    yield from check_networks.examine(home, repairing=repairing)


def _remains(home: Home, repairing: bool) -> Iterator[Finding]:
    """What dead monitors left: run directories, control groups, addresses."""
    if repairing:
        files.sweep_temporary(home.run_root)
    groups = cgroup.list_groups(cgroup.find_own(), "/cuddy")
    leases = set(_leased(home))
    run = set(files.list_directory(home.run_root))
    # Control groups have no home in their name: those of ids that nobody here knows are others'.
    candidates = {*run, *leases, *(each for each in containers.ids(home) if each in groups)}
    for container_id in sorted(candidates):
        if len(container_id) != containers.ID_LENGTH:
            continue
        if liveness.monitor_lives(home.run_dir(container_id)):
            yield from _standing(home, container_id, repairing)
            continue
        what = f"container {container_id[:12]}"
        yield Finding(what, "its monitor died without clearing up", "clear up", is_broken=False)
        if repairing:
            remains.reconcile(home, container_id)


def _standing(home: Home, container_id: str, repairing: bool) -> Iterator[Finding]:
    """A container that stands still though nobody has paused it: its commit was killed."""
    try:
        record = container.read(home, container_id)
        lock = container.lock(home, container_id)
    except (NoSuchContainer, CorruptContent):
        return
    is_paused = record["State"]["Paused"] or not record["State"]["Running"]
    if is_paused or not unpause.is_frozen(home, record) or not lock.attempt():
        return  # also one whose commit is at work, which has the lock
    try:
        what = f"container {container_id[:12]}"
        yield Finding(what, "it stands still, and nobody has paused it", "let it go on")
        if repairing:
            unpause.thaw(home, record)
    finally:
        lock.close()


def _leased(home: Home) -> Iterator[str]:
    """The containers that have an address."""
    for path in endpoint.lease_files(home.networks_run_dir):
        try:
            yield from files.read_json(path)["leases"]
        except (OSError, ValueError, LookupError, TypeError):
            continue
