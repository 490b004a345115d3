"""Df: what a home takes on disk, and what of it could be had back. It adds up to du(1).

Everything below the root counts once, by its allocated blocks:

    Images          blobs as they travel, layers unpacked from them, half downloads; not what only
                    the build cache needs
    Containers      their directories: what they wrote, their logs and records
    Local Volumes   what is in them, with their records
    Build Cache     layers and blobs that only cached steps need; cache mounts, logs of builds
    Other           the rest: directories, index.json, networks, locks, what comes and goes in tmp/

Of images what `image prune -a` would free is reclaimable, of containers those that do not run, of
volumes those that no container mounts. What the build cache has is counted in `builder/du.py`.
"""

from __future__ import annotations

from cuddy.engine import containers, in_use, volumes
from cuddy.image import blobs, garbage, index, snapshots, store
from cuddy.shapes import NamedTuple
from cuddy.usage import Meter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.in_use import InUse
    from cuddy.engine.volumes import Volume
    from cuddy.image.garbage import Content
    from cuddy.image.storage import Storage
    from cuddy.image.store import Image


BUILD_CACHE = "Build Cache"


class ImageSpace(NamedTuple):
    """One image: what only it needs, and what others need too."""

    image: Image
    unique_bytes: int
    shared_bytes: int
    containers: int


class ContainerSpace(NamedTuple):
    """One container's directory."""

    container: Container
    size_bytes: int


class VolumeSpace(NamedTuple):
    """One volume's directory. `links`: the containers that mount it."""

    volume: Volume
    size_bytes: int
    links: int


class Row(NamedTuple):
    """One kind of thing, all of it together."""

    kind: str
    total: int
    active: int
    size_bytes: int
    reclaimable_bytes: int


class Space(NamedTuple):
    """Everything below the root. `nameless_bytes`: of the images' row, what no image needs."""

    rows: tuple[Row, ...]
    images: list[ImageSpace]
    containers: list[ContainerSpace]
    volumes: list[VolumeSpace]
    nameless_bytes: int

    @property
    def total_bytes(self) -> int:
        """What du(1) says of the root."""
        return sum(row.size_bytes for row in self.rows)


def df(home: Home) -> Space:
    """Measure everything. Raises CorruptContent."""
    meter = Meter()
    kept = in_use.find(home)
    images = store.list_images(home.storage)
    stock = _Stock(home.storage, meter)
    found = [
        ContainerSpace(each, meter.tree(home.container_dir(each["Id"])))
        for each in containers.list_containers(home, all=True)
    ]
    shelf = [
        VolumeSpace(
            each,
            meter.tree(volumes.path(home, each["Name"])),
            len(volumes.users(home, each["Name"])),
        )
        for each in volumes.list_volumes(home)
    ]
    counted = [*stock.paths, *(home.container_dir(each.container["Id"]) for each in found)]
    counted += [volumes.path(home, each.volume["Name"]) for each in shelf]
    counted.append(home.build_dir)
    cached = stock.of(stock.only_cached(kept)) + meter.tree(home.build_dir)
    rows = (
        _row_of_images(stock, images, kept),
        _row_of_containers(found),
        _row_of_volumes(shelf),
        Row(BUILD_CACHE, 0, 0, cached, cached),
        Row("Other", 0, 0, meter.tree(home.root, without=counted), 0),
    )
    shares = [stock.share(image, len(kept.users(image.id))) for image in images]
    nameless = stock.whole - stock.of(stock.named.union(garbage.cached(home.storage)))
    return Space(rows, shares, found, shelf, nameless)


def _row_of_images(stock: _Stock, images: list[Image], kept: InUse) -> Row:
    active = [image for image in images if kept.users(image.id)]
    used = garbage.Content(dict(kept.layers), {})
    for image in active:
        used = used.union(stock.needs[image.id])
    whole = stock.whole - stock.of(stock.only_cached(kept))
    return Row("Images", len(images), len(active), whole, whole - stock.of(used))


def _row_of_containers(found: list[ContainerSpace]) -> Row:
    running = [each for each in found if each.container["State"]["Running"]]
    whole, active = (sum(each.size_bytes for each in some) for some in (found, running))
    return Row("Containers", len(found), len(running), whole, whole - active)


def _row_of_volumes(found: list[VolumeSpace]) -> Row:
    used = [each for each in found if each.links]
    whole, active = (sum(each.size_bytes for each in some) for some in (found, used))
    return Row("Local Volumes", len(found), len(used), whole, whole - active)


class _Stock:
    """The content that is there, piece by piece, and which image needs what."""

    def __init__(self, storage: Storage, meter: Meter) -> None:
        self.storage = storage
        present, partials = garbage.present(storage), blobs.partials(storage)
        layers = {each: snapshots.path(storage, each) for each in present.layers}
        content = {each: blobs.path(storage, each) for each in present.blobs}
        self.paths = [*layers.values(), *content.values(), *partials]
        self._layers = {each: meter.tree(path) for each, path in layers.items()}
        self._blobs = {each: meter.tree(path) for each, path in content.items()}
        self.whole = self.of(present) + sum(meter.tree(path) for path in partials)
        self.named = garbage.needs(storage, index.read(storage)["manifests"])
        self.needs: dict[str, Content] = {}
        for entry in index.load(storage):
            image_id, needed = index.image_id(storage, entry), garbage.needs(storage, [entry])
            self.needs[image_id] = needed.union(self.needs.get(image_id, garbage.NOTHING))

    def only_cached(self, kept: InUse) -> Content:
        """What cached steps keep, and neither an image nor a container does."""
        needed = self.named.union(garbage.Content(dict(kept.layers), {}))
        return garbage.cached(self.storage).without(needed)

    def of(self, content: Content) -> int:
        """The bytes of what is there of this content."""
        layers = sum(self._layers.get(each, 0) for each in content.layers)
        return layers + sum(self._blobs.get(each, 0) for each in content.blobs)

    def share(self, image: Image, users: int) -> ImageSpace:
        """What an image takes for itself, and what it has in common with others."""
        needed, others = self.needs.get(image.id, garbage.NOTHING), garbage.NOTHING
        for image_id, other in self.needs.items():
            others = others if image_id == image.id else others.union(other)
        unique = self.of(needed.without(others))
        return ImageSpace(image, unique, self.of(needed) - unique, users)
