"""Layers on their way in: for each a process that downloads and one that unpacks, side by side.

    source ----------> download: sha256, partial file --pipe--> unpack: inflate, diff_id, files
                           |                                       |
                           +----------- messages to the parent ----+

Creating files is what costs, so several layers are on their way at once; each is unpacked without
waiting for those below it. The parent completes and publishes them in order (`inheritance`).
"""

from __future__ import annotations

import errno
import fcntl
import os
import select

from cuddy import files
from cuddy.errors import CorruptContent, SystemFailure
from cuddy.image import blobs, inheritance, progress, snapshots
from cuddy.image import digest as digests
from cuddy.image.download import download
from cuddy.image.progress import Progress
from cuddy.image.spec import Descriptor
from cuddy.image.storage import Storage
from cuddy.image.unpack import limit_bytes, read_unfinished, unpack
from cuddy.image.workers import Crew, Worker, received_error
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from cuddy.image.download import Source
    from cuddy.image.workers import Send

    Report = Callable[[Progress], None]

JOBS = 3
PIPE_BYTES = 1 << 20


class Layer(NamedTuple):
    """A layer that an image needs."""

    blob: Descriptor
    diff_id: str
    chain_id: str

    @property
    def id(self) -> str:
        """What people see of it."""
        return digests.short(self.blob["digest"])


class _Job:
    """One layer on its way."""

    def __init__(self, storage: Storage, number: int, wanted: Layer) -> None:
        self.number = number
        self.layer = wanted
        self.directory = f"{storage.tmp_dir}/{files.name_temporary()}"
        self.workers: list[Worker] = []
        self.error: Exception | None = None
        self.is_verified = False
        self.is_old = False  # some or all of the blob was there before this pull
        self.is_unpacked = False
        self.size_bytes = -1

    @property
    def tree(self) -> str:
        return f"{self.directory}/tree"

    @property
    def unfinished_path(self) -> str:
        return f"{self.directory}/unfinished.json"


def fetch(
    storage: Storage,
    source: Source,
    layers: Sequence[Layer],
    report: Report,
    *,
    below: Sequence[str] = (),
) -> dict[str, int]:
    """Bring in every layer that is missing: its blob, and its directory.

    `below`: chain ids of layers that these lie on and that are here. Returns the unpacked size of
    those that were unpacked, by chain id. Raises CuddyError; what was downloaded stays for the next
    attempt, unless the disk is full.
    """
    fetching = _Fetching(storage, source, layers, report, below)
    try:
        with fetching.crew:
            return fetching.run()
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise SystemFailure.from_os("cannot store the image", error) from error
        fetching.forget_content()
        raise SystemFailure(
            f"no space left on the device of {storage.root}", hint="make room, then try again"
        ) from error
    finally:
        fetching.clean_up()


class _Fetching:
    """The parent's side: which jobs wait, run, and are done."""

    def __init__(
        self,
        storage: Storage,
        source: Source,
        layers: Sequence[Layer],
        report: Report,
        below: Sequence[str],
    ) -> None:
        self.storage = storage
        self.source = source
        self.layers = layers
        self.report = report
        self.below = below
        self.crew = Crew()
        self.waiting = [_Job(storage, n, each) for n, each in enumerate(layers)]
        self.running: list[_Job] = []
        self.unpacked: dict[int, _Job] = {}
        self.committed = 0
        self.fetched: list[str] = []
        self.directories: list[str] = []
        self.sizes: dict[str, int] = {}

    def run(self) -> dict[str, int]:
        for wanted in self.layers:
            self.report(Progress(wanted.id, progress.WAITING))
        while self.waiting or self.running:
            while self.waiting and len(self.running) < JOBS:
                self.start(self.waiting.pop(0))
            self.listen()
            self.commit()
        return self.sizes

    def clean_up(self) -> None:
        for directory in self.directories:
            files.remove_tree(directory)

    def forget_content(self) -> None:
        """Give back the space of what this pull has brought, but for what others need by now."""
        from cuddy.image import garbage

        self.clean_up()
        for wanted in self.layers:
            blobs.discard(self.storage, wanted.blob["digest"])
        brought = garbage.Content(dict.fromkeys(self.sizes), dict.fromkeys(self.fetched))
        with garbage.Removal(self.storage) as removal:
            removal.take(brought.without(garbage.named(self.storage)))

    def start(self, job: _Job) -> None:
        """Begin with what the layer lacks; a layer that lacks nothing is done at once."""
        blob = job.layer.blob
        job.is_verified = blobs.has(self.storage, blob["digest"], blob["size"])
        job.is_unpacked = snapshots.has(self.storage, job.layer.chain_id)
        if job.is_verified and job.is_unpacked:
            self.report(Progress(job.layer.id, progress.EXISTS))
            self.unpacked[job.number] = job
            self.commit()
            return
        self.running.append(job)
        job.is_old = job.is_verified
        reader = writer = -1
        if not job.is_unpacked:
            self.directories.append(job.directory)
            files.make_directory(job.tree)
        if not job.is_verified:
            self.fetched.append(blob["digest"])
            if not job.is_unpacked:
                reader, writer = os.pipe2(os.O_CLOEXEC)
                fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
            self.start_download(job, writer, (reader,) if reader >= 0 else ())
        elif not job.is_unpacked:
            reader = os.open(blobs.path(self.storage, blob["digest"]), os.O_RDONLY | os.O_CLOEXEC)
        if reader >= 0:
            self.start_unpacking(job, reader)

    def start_download(self, job: _Job, writer: int, closing: tuple[int, ...]) -> None:
        def work(send: Send) -> None:
            download(self.storage, self.source, job.layer.blob, writer, send)

        job.workers.append(self.crew.start(f"download of {job.layer.id}", work, closing=closing))
        if writer >= 0:
            os.close(writer)

    def start_unpacking(self, job: _Job, reader: int) -> None:
        limit = limit_bytes(job.layer.blob["size"], self.source.settings.max_layer_bytes)

        def work(send: Send) -> None:
            unpack(reader, job.layer, job.tree, job.unfinished_path, send, limit=limit)

        job.workers.append(self.crew.start(f"unpacking of {job.layer.id}", work))
        os.close(reader)

    def listen(self) -> None:
        """Take in what the workers say next."""
        poll = select.poll()
        for fd in self.crew.workers:
            poll.register(fd, select.POLLIN)
        for fd, _ in poll.poll() if self.crew.workers else ():
            worker = self.crew.workers.get(fd)
            job = next((job for job in self.running if worker in job.workers), None)
            if worker and job:
                for message in worker.messages():
                    self.take(job, worker, message)

    def take(self, job: _Job, worker: Worker, message: dict[str, Any]) -> None:
        if "state" in message:
            self.take_state(job, message)
        elif "resumed" in message:
            job.is_old = True
        elif "unpacked" in message:
            job.size_bytes = message["unpacked"]
        elif "error" in message:
            self.take_error(job, received_error(message))
        if "ended" in message or not worker.pid:
            job.workers.remove(worker)
            self.crew.forget(worker)
            if not job.workers:
                self.end(job)

    def take_state(self, job: _Job, message: dict[str, Any]) -> None:
        if message["state"] == progress.VERIFIED:
            job.is_verified = True
        # Unpacking begins with the first bytes; it shows once the download is over.
        if message["state"] != progress.EXTRACTING or job.is_verified:
            self.report(
                Progress(
                    job.layer.id,
                    message["state"],
                    message.get("current", 0),
                    message.get("total", 0),
                )
            )

    def take_error(self, job: _Job, error: Exception) -> None:
        """Remember the cause. A download that turns out wrong explains why unpacking failed."""
        if not isinstance(error, CorruptContent):
            raise error
        if job.error is None or "digest" in str(error):
            job.error = error

    def end(self, job: _Job) -> None:
        """All workers of a job have ended."""
        self.running.remove(job)
        if job.error is None:
            self.unpacked[job.number] = job
            return
        files.remove_tree(job.directory)
        if not job.is_old:
            raise job.error
        # What an earlier pull left was not what it should have been: once more, from nothing.
        blobs.discard(self.storage, job.layer.blob["digest"])
        blobs.delete(self.storage, job.layer.blob["digest"])
        self.waiting.insert(0, _Job(self.storage, job.number, job.layer))

    def commit(self) -> None:
        """Complete and publish the layers whose parents are all there."""
        while job := self.unpacked.pop(self.committed, None):
            if not job.is_unpacked:
                chain = [*self.below, *(each.chain_id for each in self.layers[: job.number])]
                lower_dirs = snapshots.lower_dirs(self.storage, chain) if chain else []
                unfinished = read_unfinished(job.unfinished_path)
                inheritance.finish(job.tree, unfinished, lower_dirs)
                snapshots.commit(self.storage, job.tree, job.layer.chain_id)
                files.remove_tree(job.directory)
                self.sizes[job.layer.chain_id] = job.size_bytes
                self.report(Progress(job.layer.id, progress.COMPLETE))
            self.committed += 1
