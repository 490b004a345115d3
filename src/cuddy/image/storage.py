"""Where images live: an OCI image layout, the layers unpacked from it, and the locks between.

    <root>/images/oci-layout, index.json, blobs/<algorithm>/<hex>     a valid OCI image layout
    <root>/images/ingest/                                             blobs on their way in
    <root>/layers/<chain-id hex>/                                     one unpacked layer, read-only
    <root>/layers/empty/                                              the layer of an empty image
    <root>/build/steps/<key hex>.json                                 one cached step of a build
    <root>/tmp/                                                       what is not finished yet

All of it lies on one file system: things become visible by rename(2).

Whoever waits for several locks takes them in this order. lease.lock is taken exclusively only
without waiting, so that the order does not matter to who does it.

    containers/<id>/lock      the engine's: one container
    lease.lock                shared: content is in use that may     exclusive: takes it away
                              have no name
    images.lock               shared: about to use an image          exclusive: removes names
    lock                      the engine's: names of containers
    images/ingest/<digest>    one download
    index.lock                index.json is being replaced
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.shapes import NamedTuple

LAYOUT = {"imageLayoutVersion": "1.0.0"}
EMPTY_INDEX = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.index.v1+json",
    "manifests": [],
}


class Storage(NamedTuple):
    """The paths of one image store."""

    root: str

    @property
    def images_dir(self) -> str:
        return f"{self.root}/images"

    @property
    def index_path(self) -> str:
        return f"{self.root}/images/index.json"

    @property
    def blobs_dir(self) -> str:
        return f"{self.root}/images/blobs"

    @property
    def ingest_dir(self) -> str:
        return f"{self.root}/images/ingest"

    @property
    def layers_dir(self) -> str:
        return f"{self.root}/layers"

    @property
    def steps_dir(self) -> str:
        """What steps of builds have made, one file each: the build cache."""
        return f"{self.root}/build/steps"

    @property
    def tmp_dir(self) -> str:
        return f"{self.root}/tmp"

    @property
    def lock_path(self) -> str:
        """Held shared by whoever is about to use an image, exclusively to delete one."""
        return f"{self.root}/images.lock"

    @property
    def lease_path(self) -> str:
        """Held shared by whoever brings in content that has no name yet; see `garbage`."""
        return f"{self.root}/lease.lock"

    @property
    def doomed_path(self) -> str:
        """What `rmi` could not take away while somebody had a lease; see `garbage`."""
        return f"{self.root}/doomed.json"

    @property
    def index_lock_path(self) -> str:
        """Held while index.json is read, changed and replaced."""
        return f"{self.root}/index.lock"


def create(storage: Storage) -> None:
    """Make the directories and an empty layout, unless they are there."""
    for directory in (f"{storage.blobs_dir}/sha256", f"{storage.layers_dir}/empty"):
        files.make_directory(directory)
    for directory in (storage.ingest_dir, storage.tmp_dir):
        files.make_directory(directory)
    # The empty layer is the root directory of images that have none of their own.
    os.chmod(f"{storage.layers_dir}/empty", 0o755)
    with files.Lock(storage.index_lock_path):
        for path, document in (
            (f"{storage.images_dir}/oci-layout", LAYOUT),
            (storage.index_path, EMPTY_INDEX),
        ):
            if not os.path.exists(path):
                files.write_json(path, document)
