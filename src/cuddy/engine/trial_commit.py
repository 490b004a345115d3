"""An image of what a trial has changed: a layer for each part of the view that something was
written to, without what of the host was left as it was.

It runs nothing by itself: `COPY --from` takes files out of it, or it is unpacked over another root.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.engine import trials
from cuddy.engine.trial_plan import OVERLAY, Part
from cuddy.errors import InvalidArgument, SystemFailure
from cuddy.image import addition, assembly, changeset, import_, store
from cuddy.image.digest import Digest
from cuddy.kernel import elsewhere, mount, namespaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home
    from cuddy.engine.trials import Trial


def commit(home: Home, name: str, options: import_.Options) -> str:
    """The id of the image. Raises NoSuchTrial, InvalidArgument, InvalidReference, SystemFailure."""
    wanted = assembly.check_name(options.name)
    with trials.Turn(home, name):
        trial = trials.read(home, name)
        try:
            with store.lease(home.storage):
                return elsewhere.call(-1, lambda: make(home, trial, wanted, options))
        except OSError as error:
            raise SystemFailure.from_os("cannot commit the trial", error) from error


def make(home: Home, trial: Trial, name: str, options: import_.Options) -> str:
    """The image, made in a mount namespace of our own. Raises OSError, CuddyError."""
    where = trials.where(home, trial["Name"])
    namespaces.unshare(namespaces.CLONE_NEWNS)
    mount.set_propagation("/", mount.MS_PRIVATE | mount.MS_REC)
    added: list[addition.Added] = []
    for part in (Part(*part) for part in trial["Parts"]):
        upper, top = f"{where}/upper/{part.number}", f"{where}/root"
        if part.kind != OVERLAY or not changeset.has_changes(upper):
            continue
        if part.path != "/":
            mount.mount("tmpfs", top, "tmpfs", 0, "mode=755")
            os.makedirs(f"{top}{part.path}")
        mount.bind(upper, f"{top}{part.path}".rstrip("/"))
        below = [layer.chain_id for layer in added]
        chunks = changeset.make(top, changeset.nothing)
        added.append(addition.add(home.storage, chunks, below))
        mount.umount(top, mount.MNT_DETACH)
    if not added:
        raise InvalidArgument(f"trial {trial['Name']} has changed nothing that an image can hold")
    config = import_.build_config(options)
    config["rootfs"]["diff_ids"] = [Digest(layer.diff_id) for layer in added]
    story = " ".join(trial["Commands"][-1])
    config["history"] = [
        {"created": files.now(), "created_by": story, "comment": options.message} for _ in added
    ]
    blobs, sizes = [layer.blob for layer in added], [layer.size_bytes for layer in added]
    return assembly.assemble(home.storage, name, config, blobs, sizes).id
