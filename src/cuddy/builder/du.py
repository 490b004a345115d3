"""Du: what the build cache has, piece by piece, and what each takes on disk.

Pieces are, by docker's names of their types:

    regular           a cached step: its layer, unpacked and as a blob, and what it was made of
    exec.cachemount   a directory of RUN --mount=type=cache
    source.local      what build contexts looked like (`inputs_index`)
    internal          what is left of steps that failed

Layers that an image or a container needs too are shared: to forget the step frees next to nothing.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.builder import cache_mounts, inputs_kept
from cuddy.engine import df as engine_df
from cuddy.engine import in_use
from cuddy.image import blobs, cached_steps, garbage, index, snapshots
from cuddy.shapes import NamedTuple
from cuddy.usage import Meter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cuddy.engine.df import Row, Space
    from cuddy.engine.home import Home
    from cuddy.image.cached_steps import Step
    from cuddy.image.garbage import Content

REGULAR, MOUNT, CONTEXTS, INTERNAL = "regular", "exec.cachemount", "source.local", "internal"


class Piece(NamedTuple):
    """One piece of the cache. `size_bytes`: with what it shares; `paths`: what only it has."""

    id: str
    type: str
    description: str
    parents: tuple[str, ...]  # ids
    created: str  # RFC 3339; "" if nobody knows
    last_used_ns: int
    uses: int
    size_bytes: int
    paths: tuple[str, ...]
    step: Step | None = None
    is_shared: bool = False
    is_busy: bool = False

    @property
    def is_reclaimable(self) -> bool:
        """Whether it could be pruned just now."""
        return not self.is_busy


def du(home: Home) -> list[Piece]:
    """Every piece, that was used last first."""
    needed = needed_elsewhere(home)
    found = [*_steps(home, needed), *_mounts(home), *_rest(home)]
    return sorted(found, key=lambda piece: (-piece.last_used_ns, piece.id))


def needed_elsewhere(home: Home) -> Content:
    """What images and containers need."""
    content = garbage.needs(home.storage, index.read(home.storage)["manifests"])
    content.layers.update(in_use.find(home).layers)
    return content


def _steps(home: Home, needed: Content) -> Iterator[Piece]:
    storage, meter = home.storage, Meter()
    inputs = inputs_kept.paths(home)
    found = list(cached_steps.list_steps(storage))
    makers = {step.chain_id: _id(step.key) for step in found if step.chain_id}
    sizes: dict[str, int] = {}
    for step in found:
        content = garbage.keep([step])
        parts = [snapshots.path(storage, each) for each in content.layers]
        parts += [blobs.path(storage, each) for each in content.blobs]
        for part in parts:
            if part not in sizes:
                sizes[part] = meter.tree(part)
        paths = (cached_steps.path(storage, step.key), *inputs.get(step.key, ()))
        size = sum(sizes[part] for part in parts) + sum(meter.entry(path) for path in paths)
        parent = makers.get(step.parent, "")
        yield Piece(
            _id(step.key), REGULAR, step.description, (parent,) if parent else (), step.created,
            step.last_used_ns, step.uses, size, paths, step,
            is_shared=bool(content) and not content.without(needed),
        )  # fmt: skip


def _id(key: str) -> str:
    return key.partition(":")[2]


def _mounts(home: Home) -> Iterator[Piece]:
    for mount in cache_mounts.list_mounts(home):
        yield Piece(
            mount.name, MOUNT, f"cache mount {mount.id or '(of unknown id)'}", (), mount.created,
            mount.last_used_ns, mount.uses, Meter().tree(mount.path), (mount.path,),
            is_busy=mount.is_busy,
        )  # fmt: skip


def _rest(home: Home) -> Iterator[Piece]:
    """What was learned of contexts, and the remains of steps that failed."""
    directory = f"{home.build_dir}/digests"
    names = files.list_directory(directory)
    if names:
        yield _plain(CONTEXTS, "contexts", "what build contexts looked like", directory)
    for name in files.list_directory(f"{home.build_dir}/failed"):
        path = f"{home.build_dir}/failed/{name}"
        with cache_mounts.Claim(path) as claim:
            is_busy = not claim.is_free
        piece = _plain(INTERNAL, name, "what is left of a step that failed", path)
        yield piece._replace(is_busy=is_busy)


def _plain(kind: str, name: str, description: str, path: str) -> Piece:
    try:
        stamp_ns = os.lstat(path).st_mtime_ns
    except FileNotFoundError:
        stamp_ns = 0
    created = files.format_time(stamp_ns)
    return Piece(name, kind, description, (), created, stamp_ns, 0, Meter().tree(path), (path,))


def df(home: Home) -> tuple[Space, list[Piece]]:
    """What everything takes, the build cache with its pieces. Raises CorruptContent."""
    pieces, space = du(home), engine_df.df(home)
    return space._replace(rows=tuple(_counted(row, pieces) for row in space.rows)), pieces


def _counted(row: Row, pieces: list[Piece]) -> Row:
    """The row of the build cache, which knows bytes only, with its pieces counted."""
    if row.kind != engine_df.BUILD_CACHE:
        return row
    busy = [piece for piece in pieces if piece.is_busy]
    return row._replace(
        total=len(pieces), active=len(busy),
        reclaimable_bytes=max(row.size_bytes - sum(piece.size_bytes for piece in busy), 0),
    )  # fmt: skip
