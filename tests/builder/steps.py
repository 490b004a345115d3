"""Steps of a build without a Dockerfile: something is changed in a snapshot, and made a layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from child import in_child
from cuddy import files
from cuddy.builder import layers, snapshot
from cuddy.builder.snapshot import Snapshot, View
from cuddy.builder.state import Layer
from cuddy.image import snapshots, verify
from cuddy.image.storage import Storage


def step(
    storage: Storage, below: Sequence[str], change: Callable[[Path], object], **options: Any
) -> Layer | None:
    """The layer that comes of a change; None if it is none."""

    def work() -> tuple[Any, ...] | None:
        snapshot.enter_private()
        with Snapshot(storage, below) as made:
            change(Path(made.root))
            making = layers.commit(storage, made, **options)
            if making is None:
                return None
            *ids, blob = making.finish()
            return (*ids, blob and dict(blob))

    found = in_child(work)
    return found and Layer(*found)


def make(
    storage: Storage, below: Sequence[str], change: Callable[[Path], object], **options: Any
) -> Layer:
    """As `step`, with a blob; and whoever unpacks that gets the same directory."""
    made = step(storage, below, change, compress=True, **options)
    assert made and made.blob
    assert difference(storage, made, below) == ""
    return made


def difference(storage: Storage, layer: Layer, below: Sequence[str]) -> str:
    """How a layer's directory differs from what is unpacked from its blob."""
    assert layer.blob
    aside = f"{storage.tmp_dir}/{files.name_temporary()}"
    try:
        verify.unpack_again(storage, layer.blob["digest"], layer.diff_id, below, aside)
        return verify.difference(snapshots.path(storage, layer.chain_id), aside)
    finally:
        files.remove_tree(aside)


def look(storage: Storage, chain_ids: Sequence[str], work: Callable[[Path], Any]) -> Any:
    """What `work` makes of what layers show."""

    def inside() -> Any:
        snapshot.enter_private()
        with View(storage, chain_ids) as view:
            return work(Path(view.root))

    return in_child(inside)


def files_of(storage: Storage, layer: Layer) -> list[str]:
    """All that is in a layer's directory."""
    top = Path(snapshots.path(storage, layer.chain_id))
    return sorted(str(path.relative_to(top)) for path in top.rglob("*"))
