"""Check of the build cache: records that are none, and layers that are not what a step has made.

A cached layer has a digest of its own only as an archive, so it is made one again and compared. One
that is damaged is forgotten: its step is done again when somebody builds, which says more about it
than any repair could. Layers that an image has too were looked at with the image.
"""

from __future__ import annotations

from cuddy.image import cached_steps, changeset, garbage, snapshots
from cuddy.image import digest as digests
from cuddy.image.finding import Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from cuddy.image.cached_steps import Step
    from cuddy.image.garbage import Removal
    from cuddy.image.storage import Storage


def examine(
    storage: Storage, removal: Removal | None, *, verified: Collection[str], needed: Collection[str]
) -> Iterator[Finding]:
    """Look at every cached step, and forget what is none.

    `verified`: chain ids of layers that were looked at; `needed`: those that stay in any case.
    """
    ruins = cached_steps.ruins(storage)
    if ruins:
        yield Finding("build cache", f"{len(ruins)} of its records lead to nothing", "forget them",
                      is_broken=False)  # fmt: skip
        if removal:
            for path in ruins:
                removal.take_path(path)
    verdicts: dict[str, bool] = {}
    for step in cached_steps.list_steps(storage):
        if step.chain_id in verified or not step.chain_id:
            continue
        if step.chain_id not in verdicts:
            verdicts[step.chain_id] = is_right(storage, step)
        if verdicts[step.chain_id]:
            continue
        what = f"build cache: {ascii(step.description[:60])[1:-1]}"
        yield Finding(what, f"its layer {step.chain_id} is not what it was", "forget it")
        if removal:
            removal.take_path(cached_steps.path(storage, step.key))
            removal.take(garbage.Content({step.chain_id: None}, {}).without(
                garbage.Content(dict.fromkeys(needed), {})
            ))  # fmt: skip


def is_right(storage: Storage, step: Step) -> bool:
    """Whether a step's layer is the archive that it was."""
    algorithm = step.diff_id.partition(":")[0]
    found = digests.hasher(algorithm)
    try:
        for chunk in changeset.make(snapshots.path(storage, step.chain_id), changeset.nothing):
            found.update(chunk)
    except OSError:
        return False  # a disk that cannot read it any more
    return f"{algorithm}:{found.hexdigest()}" == step.diff_id
