"""Home: every path on disk. A directory is a whole engine, so there can be many side by side."""

from __future__ import annotations

import os

from cuddy import checksum, files
from cuddy.errors import NotPermitted, SystemFailure
from cuddy.image import storage
from cuddy.image.storage import Storage
from cuddy.shapes import NamedTuple

DEFAULT_ROOT = "/var/lib/cuddy"
DEFAULT_RUN_ROOT = "/run/cuddy"


class Home(NamedTuple):
    """The data root, which survives a reboot, and the run root, which should not."""

    root: str = DEFAULT_ROOT
    run_root: str = DEFAULT_RUN_ROOT

    @property
    def storage(self) -> Storage:
        """Images and layers."""
        return Storage(self.root)

    @property
    def containers_dir(self) -> str:
        """One directory per container, named by its id: an OCI bundle."""
        return f"{self.root}/containers"

    @property
    def names_dir(self) -> str:
        """One link per container name, to the container's id."""
        return f"{self.root}/names"

    @property
    def ids_dir(self) -> str:
        """One link per range of ids that a container has; made with the first."""
        return f"{self.root}/ids"

    @property
    def networks_dir(self) -> str:
        """Records of networks, one file each."""
        return f"{self.root}/networks"

    @property
    def volumes_dir(self) -> str:
        """One directory per volume, named by it; made with the first one."""
        return f"{self.root}/volumes"

    @property
    def trials_dir(self) -> str:
        """One directory per trial of `cuddy try`; made with the first one."""
        return f"{self.root}/trials"

    @property
    def build_dir(self) -> str:
        """What builds keep: steps/ of the cache, mounts/ of it, digests/, logs/; made with the
        first one.
        """
        return f"{self.root}/build"

    @property
    def tmp_dir(self) -> str:
        """What is not finished yet, and what is on its way out."""
        return f"{self.root}/tmp"

    @property
    def lock_path(self) -> str:
        """Held while names and containers come and go."""
        return f"{self.root}/lock"

    @property
    def bridge_link(self) -> str:
        """The link of the default network: `cuddy0` for the default home, else its own."""
        if self.root == DEFAULT_ROOT:
            return "cuddy0"
        return f"cud-{checksum.fnv(self.root.encode()):08x}"

    @property
    def networks_run_dir(self) -> str:
        """Who is on which network; gone with the containers."""
        return f"{self.run_root}/networks"

    def container_dir(self, container_id: str) -> str:
        """A container's bundle."""
        return f"{self.containers_dir}/{container_id}"

    def run_dir(self, container_id: str) -> str:
        """A running container's state, gate and socket."""
        return f"{self.run_root}/{container_id}"

    def waiting_dir(self, container_id: str) -> str:
        """It is there while somebody waits for a container to begin."""
        return f"{self.container_dir(container_id)}/waiting"

    def execs_dir(self, container_id: str) -> str:
        """What clients of the API have created to be run in a container; made with the first."""
        return f"{self.container_dir(container_id)}/execs"

    def ports_path(self, container_id: str) -> str:
        """It is there while something may lead to a container's address, and says what does."""
        return f"{self.run_dir(container_id)}/ports"


def open_home(root: str = DEFAULT_ROOT, run_root: str = DEFAULT_RUN_ROOT) -> Home:
    """The home at these two directories, made if missing, swept of what dead commands left."""
    if os.geteuid():
        hint = "the command line enters a user namespace by itself, a program has to be in one"
        raise NotPermitted("cuddy must be root, of this machine or a user namespace", hint=hint)
    home = Home(os.path.realpath(root), os.path.realpath(run_root))
    try:
        # The last one made tells that all are there.
        if not os.path.isdir(home.tmp_dir) or not os.path.isdir(home.run_root):
            make(home)
        files.sweep_temporary(home.tmp_dir)
    except OSError as error:
        raise SystemFailure.from_os("cannot open cuddy's directories", error) from error
    return home


def make(home: Home) -> None:
    """Make its directories, unless they are there. Raises OSError."""
    from cuddy.kernel import top_directory  # here: it is made once

    for path in (
        home.run_root, home.root, home.containers_dir, home.names_dir, home.networks_dir,
        home.tmp_dir,
    ):  # fmt: skip
        files.make_directory(path)
        if path in (home.run_root, home.root, home.tmp_dir):
            top_directory.mark(path)  # a container's directory is born in `tmp`
    storage.create(home.storage)
