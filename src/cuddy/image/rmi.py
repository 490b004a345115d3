"""Remove: an image loses a name, and with the last one its content that no other image needs.

The rules are Docker's. One is ours: an image that a container still uses can be forced to lose its
names, but its layers stay until the container is gone.
"""

from __future__ import annotations

from cuddy.errors import Conflict, InvalidReference
from cuddy.image import digest as digests
from cuddy.image import garbage, index, reference, store
from cuddy.image.storage import Storage
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cuddy.image.garbage import Content, Removal
    from cuddy.image.spec import Descriptor

    Records = list[tuple[str, str]]


class User(NamedTuple):
    """A container of an image."""

    container_id: str
    is_running: bool


def remove(
    storage: Storage,
    name: str,
    *,
    force: bool,
    used_by: Callable[[str], list[User]],
    held_layers: Iterable[str] = (),
) -> Records:
    """Remove a name, or all of an image that is meant by id or has no other name.

    `held_layers`: chain ids that containers stand on, whatever the index says. Returns what was
    done: ("Untagged", name) and ("Deleted", digest). Raises NoSuchImage, Conflict.
    """
    with garbage.Removal(storage) as removal:
        return remove_within(removal, name, force=force, used_by=used_by, held_layers=held_layers)


def remove_within(
    removal: Removal,
    name: str,
    *,
    force: bool,
    used_by: Callable[[str], list[User]],
    held_layers: Iterable[str] = (),
) -> Records:
    """The same, by somebody who removes more."""
    storage = removal.storage
    with index.Change(storage) as change:
        entries = index.images(change.entries)
        group = store.find(storage, entries, name)
        image_id = index.image_id(storage, group[0])
        users = used_by(image_id)
        named = reference_in(group[0], name, image_id)
        if named:
            _check_name(group, named, image_id, users, force=force)
            untagged, kept = _without_name(group, named)
        else:
            _check_id(group, image_id, users, force=force)
            untagged, kept = _references(group), [index.anonymous(group[0])]
        names_left = [entry for entry in kept if index.name(entry)]
        gone = [] if names_left or users else group
        change.replace(group, names_left or (kept if users else []))
    records = [("Untagged", familiar(each)) for each in untagged]
    if gone:
        # Not before the index is on disk: what it names is always there.
        unneeded = _unneeded(storage, gone, held_layers)
        removal.take(unneeded)
        records += [("Deleted", each) for each in (image_id, *reversed(unneeded.layers))]
    return records


def reference_in(entry: Descriptor, name: str, image_id: str) -> str:
    """The complete reference by which an image was named; "" when it was named by its id."""
    if image_id.removeprefix("sha256:").startswith(name.removeprefix("sha256:")):
        return ""
    if index.name(entry) == name:
        return name
    wanted = reference.parse(name)
    return f"{wanted.name}@{wanted.digest}" if wanted.digest else str(wanted)


def familiar(name: str) -> str:
    """A complete reference as people write it."""
    return "".join(reference.spelled(name))


def _repository(name: str) -> str:
    try:
        return reference.parse(name).name
    except InvalidReference:
        return name  # another program's


def _references(group: Iterable[Descriptor]) -> list[str]:
    """All names of an image, sorted: tags, and the digests by which registries know it."""
    tags = {index.name(entry) for entry in group if index.is_tagged(entry)}
    sources = {index.annotation(entry, index.SOURCE) for entry in group} - {""}
    return sorted(tags | sources)


def _is_single(names: list[str]) -> bool:
    """Whether at most one is a tag, and all are of one repository."""
    tags = [name for name in names if "@" not in name]
    return len(tags) <= 1 and len({_repository(name) for name in names}) <= 1


def _check_name(
    group: list[Descriptor], named: str, image_id: str, users: list[User], *, force: bool
) -> None:
    if not force and users and _is_single(_references(group)):
        raise Conflict(
            f'conflict: unable to remove repository reference "{familiar(named)}" (must force) - '
            f"container {users[0].container_id[:12]} is using its referenced image "
            f"{digests.short(image_id)}",
            hint="remove the container, or force it: the image then only loses its name",
        )


def _check_id(group: list[Descriptor], image_id: str, users: list[User], *, force: bool) -> None:
    what = f"conflict: unable to delete {digests.short(image_id)}"
    running = next((user for user in users if user.is_running), None)
    if running:
        raise Conflict(
            f"{what} (cannot be forced) - image is being used by running container "
            f"{running.container_id[:12]}",
            hint="stop the container",
        )
    if not force and not _is_single(_references(group)):
        raise Conflict(f"{what} (must be forced) - image is referenced in multiple repositories")
    if not force and users:
        raise Conflict(
            f"{what} (must be forced) - image is being used by stopped container "
            f"{users[0].container_id[:12]}",
            hint="remove the container, or force it",
        )


def _without_name(group: list[Descriptor], named: str) -> tuple[list[str], list[Descriptor]]:
    """The image without one of its names: (the names it has lost, its entries afterwards).

    With the last tag of a repository go the digests of that repository too.
    """
    lost, repository = [named], _repository(named)
    others = [e for e in group if index.is_tagged(e) and index.name(e) != named]
    if "@" not in named and all(_repository(index.name(e)) != repository for e in others):
        sources = {index.annotation(entry, index.SOURCE) for entry in group}
        lost += sorted(each for each in sources if each.startswith(f"{repository}@"))
    kept = []
    for entry in group:
        if index.annotation(entry, index.SOURCE) in lost:
            entry = index.annotate(entry, index.SOURCE, "")
        kept.append(index.rename(entry, "") if index.name(entry) in lost else entry)
    return lost, kept


def _unneeded(storage: Storage, gone: list[Descriptor], held_layers: Iterable[str]) -> Content:
    """What only entries needed that the index no longer has."""
    others = garbage.named(storage)
    others.layers.update(dict.fromkeys(held_layers))
    return garbage.needs(storage, gone).without(others)
