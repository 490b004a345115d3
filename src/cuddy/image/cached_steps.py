"""The build cache: what each step of a build has made, so that nobody has to do it again.

A step is known by its key, the digest of all that its result depends on (`builder/cache.py`), and
has one small file, `build/steps/<key hex>.json`. While that is there it keeps the layer of the step
and the layer's blob from being garbage. The file's modification time is when the step was last
used; the nanoseconds of it count how often, which costs no writing.

Whatever is in such a file: one that cannot be read, or whose layer is gone, is no step. Files come
by a rename without fsync(2): what a power cut leaves of one is no step either.
"""

from __future__ import annotations

import os
import stat
import time

from cuddy import files
from cuddy.image import blobs, snapshots
from cuddy.image import digest as digests
from cuddy.image.storage import Storage
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from cuddy.image.spec import Descriptor

MAX_BYTES = 1 << 16
SUFFIX = ".json"
PAUSE_S = 60
"""A use within so many seconds of the last one is not noted: it would tell nothing new."""
SECOND = 1_000_000_000


class Step(NamedTuple):
    """One cached step. A step that changed nothing has no layer: its ids are empty.

    `parent`: the chain id that it stands on. `last_used_ns` and `uses`: as its file says.
    `is_portable`: its blob has to be the same wherever it is made.
    """

    key: str
    parent: str
    chain_id: str
    diff_id: str
    size_bytes: int
    created: str  # when it ran (RFC 3339)
    description: str
    blob: Descriptor | None = None
    last_used_ns: int = 0
    uses: int = 0
    is_portable: bool = False


def path(storage: Storage, key: str) -> str:
    """Where a step is or will be."""
    return f"{storage.steps_dir}/{key.partition(':')[2]}{SUFFIX}"


def find(storage: Storage, key: str) -> Step | None:
    """The step of a key, if its layer is there, and noted as used; None for all else."""
    step = read(storage, key)
    if step is None or not is_whole(storage, step):
        return None
    if step.blob and not blobs.has(storage, step.blob["digest"], step.blob["size"]):
        step = step._replace(blob=None)  # it can be made again
    note_use(path(storage, key), step.last_used_ns + step.uses)
    return step


def read(storage: Storage, key: str) -> Step | None:
    """What the file of a key says; None if there is none, or if it is not one of ours."""
    try:
        fd = os.open(path(storage, key), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
            return None
        return _parse(key, files.parse_json(os.read(fd, MAX_BYTES)), status.st_mtime_ns)
    except (OSError, ValueError, LookupError, TypeError):
        return None
    finally:
        os.close(fd)


def _parse(key: str, record: dict[str, Any], stamp_ns: int) -> Step | None:
    """A step of what is in its file. Raises LookupError, TypeError for what is none."""
    chain_id, diff_id, parent, blob = (record[k] for k in ("chainId", "diffId", "parent", "blob"))
    ids = [each for each in (chain_id, diff_id, parent) if each != ""]
    texts = (record["created"], record["description"])
    if (
        not all(map(digests.is_digest, ids))
        or (chain_id == "") != (diff_id == "")
        or not all(isinstance(text, str) for text in texts)
        or type(record["size"]) is not int
        or record["size"] < 0
    ):
        return None
    if blob is not None and not (
        digests.is_digest(blob["digest"])
        and type(blob["size"]) is int
        and isinstance(blob["mediaType"], str)
    ):
        return None
    used_s, uses = divmod(stamp_ns, SECOND)
    return Step(key, parent, chain_id, diff_id, record["size"], *texts, blob, used_s * SECOND, uses)


def is_whole(storage: Storage, step: Step) -> bool:
    """Whether what the step has made is there."""
    if not step.chain_id:
        return True
    try:
        return stat.S_ISDIR(os.lstat(snapshots.path(storage, step.chain_id)).st_mode)
    except OSError:
        return False


def note_use(path: str, stamp_ns: int | None = None) -> None:
    """Count a use in the modification time of a file, `stamp_ns`, unless one was just now."""
    try:
        used_s, uses = divmod(os.lstat(path).st_mtime_ns if stamp_ns is None else stamp_ns, SECOND)
        now_s = int(time.time())
        if not 0 <= now_s - used_s < PAUSE_S:
            stamp = now_s * SECOND + min(uses + 1, SECOND - 1)
            os.utime(path, ns=(stamp, stamp), follow_symlinks=False)
    except OSError:
        pass  # it was pruned just now, or the disk does not want to be written to


def write(storage: Storage, step: Step) -> None:
    """Make a step known, in the place of one with its key; its layer is there. Raises OSError."""
    document = {
        "description": step.description,
        "created": step.created,
        "parent": step.parent,
        "chainId": step.chain_id,
        "diffId": step.diff_id,
        "size": step.size_bytes,
        "blob": step.blob,
        "portable": step.is_portable,
    }
    files.make_directory(storage.steps_dir)
    temporary = f"{storage.tmp_dir}/{files.name_temporary()}"
    files.write_json(temporary, document, durable=False)
    stamp = time.time_ns() // SECOND * SECOND + min(step.uses, SECOND - 1)
    os.utime(temporary, ns=(stamp, stamp))
    os.rename(temporary, path(storage, step.key))


def list_steps(storage: Storage) -> Iterator[Step]:
    """Every step whose layer is there, in no order."""
    for name in files.list_directory(storage.steps_dir):
        step = _of_name(storage, name)
        if step:
            yield step


def ruins(storage: Storage) -> list[str]:
    """The paths of what lies among the steps and is none: torn, or without its layer."""
    names = files.list_directory(storage.steps_dir)
    return [f"{storage.steps_dir}/{name}" for name in names if not _of_name(storage, name)]


def _of_name(storage: Storage, name: str) -> Step | None:
    """The step that a file of this name holds, if it is whole."""
    key = f"sha256:{name.removesuffix(SUFFIX)}"
    if not name.endswith(SUFFIX) or not digests.is_digest(key):
        return None
    step = read(storage, key)
    return step if step and is_whole(storage, step) else None
