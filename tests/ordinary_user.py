"""An ordinary user of this machine, for as long as a test needs one.

Nothing is written to the machine: a process of ours has a mount namespace in which /etc/passwd and
its kin know the user, and the interpreter can be reached by everybody; commands enter it and give
up being root before they begin.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import isolation
from console import PROGRAM, Cuddy
from registry import Registry

UID = 61717
SUBORDINATE = 771_000_000
DATABASES = {
    "passwd": "{name}:x:{uid}:{uid}::{home}:/bin/sh\n",
    "group": "{name}:x:{uid}:\n",
    "subuid": "{name}:{first}:65536\n",
    "subgid": "{name}:{first}:65536\n",
}
RESOLV_CONF = "resolv.conf"
FILES_OF_ROOT = Path(__file__).parent.parent
libc = ctypes.CDLL(None, use_errno=True)


class OrdinaryUser(Cuddy):
    """The command line as somebody else runs it. `has_ids`: with ranges in /etc/subuid.

    `on_overlay`: the home directory is on an overlay, as in a container, which the kernel takes for
    no upper layer of another one. Only the user sees what is in it. `lacks`: programs that the
    user's machine does not have, or devices that are root's alone there.
    """

    def __init__(
        self, name: str, *, has_ids: bool, uid: int = UID, on_overlay: bool = False,
        lacks: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        self.name, self.uid, self.on_overlay, self.lacks = name, uid, on_overlay, lacks
        self.home = Path(isolation.directory(), name)
        self.home.mkdir()
        os.chown(self.home, uid, uid)
        (self.home / "run").mkdir(0o700)
        os.chown(self.home / "run", uid, uid)
        self._databases = self._write_databases(has_ids=has_ids)
        self._stop, self.holder = self._hold()
        prefix = ["nsenter", f"--mount=/proc/{self.holder}/ns/mnt", "setpriv", f"--reuid={uid}"]
        prefix += [f"--regid={uid}", "--clear-groups"]
        self.prefix = prefix
        root = self.home / ".local/share/cuddy"
        super().__init__(root, self.home / "run/cuddy", [*prefix, *PROGRAM])
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.home), "TERM": "xterm",
            "XDG_RUNTIME_DIR": str(self.home / "run"),
        }  # fmt: skip

    def own(self, *words: object) -> str:
        """What another program prints that the user runs."""
        command = [*self.prefix, *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def _write_databases(self, *, has_ids: bool) -> Path:
        where = Path(isolation.directory(), f"{self.name}-etc")
        where.mkdir()
        for name, line in DATABASES.items():
            was = Path("/etc", name)
            text = was.read_text() if was.exists() else ""
            if has_ids or not name.startswith("sub"):
                text += line.format(name=self.name, uid=self.uid, home=self.home, first=SUBORDINATE)
            (where / name).write_text(text)
        (where / RESOLV_CONF).write_text(Path("/etc", RESOLV_CONF).read_text())
        return where

    def asks(self, address: str) -> None:
        """From now on the user's machine asks that name server."""
        (self._databases / RESOLV_CONF).write_text(f"nameserver {address}\n")

    def _hold(self) -> tuple[int, int]:
        """The process that keeps the mount namespace until it reads the end of a pipe."""
        stop, ours = os.pipe2(os.O_CLOEXEC)
        ready, theirs = os.pipe2(os.O_CLOEXEC)
        pid = os.fork()
        if pid == 0:
            try:
                os.close(ours)
                self._furnish()
                os.write(theirs, b".")
                os.read(stop, 1)
            finally:
                os._exit(0)
        os.close(theirs)
        os.close(stop)
        assert os.read(ready, 1), "the user's mount namespace could not be made"
        os.close(ready)
        return ours, pid

    def _furnish(self) -> None:
        isolation.check(libc.unshare(isolation.CLONE_NEWNS))
        isolation.mount("none", "/", "", isolation.MS_REC | isolation.MS_PRIVATE)
        for name in (*DATABASES, RESOLV_CONF):
            if Path("/etc", name).exists():
                isolation.mount(str(self._databases / name), f"/etc/{name}", "", isolation.MS_BIND)
        self._open_devices()
        if self.on_overlay:
            upper, work = (self._databases / name for name in ("upper", "work"))
            for place in (upper, work):
                place.mkdir()
                os.chown(place, self.uid, self.uid)
            layers = f"lowerdir={self.home},upperdir={upper},workdir={work}"
            isolation.mount("overlay", str(self.home), "overlay", 0, layers)
        for closed, needed in closed_ways():
            fds = {path: os.open(path, os.O_PATH) for path in needed}
            isolation.mount("tmpfs", closed, "tmpfs", 0, "mode=755")
            for path, fd in fds.items():
                os.makedirs(path, exist_ok=True)
                source = f"/proc/self/fd/{fd}"
                isolation.mount(source, path, "", isolation.MS_BIND | isolation.MS_REC)

    def _open_devices(self) -> None:
        """/dev/fuse and /dev/net/tun are everybody's, as on most machines, where it has them."""
        own = self._databases / "dev"
        own.mkdir()
        isolation.mount("tmpfs", str(own), "tmpfs", 0, "mode=755")
        for path in filter(None, map(shutil.which, self.lacks)):
            nothing = own / "nothing"
            nothing.touch()
            isolation.mount(str(nothing), path, "", isolation.MS_BIND)
        for path in ("/dev/fuse", "/dev/net/tun"):
            if os.path.exists(path):
                node = own / Path(path).name
                os.mknod(node, 0o020600, os.stat(path).st_rdev)
                os.chmod(node, 0o600 if path in self.lacks else 0o666)
                isolation.mount(str(node), path, "", isolation.MS_BIND)

    def close(self) -> None:
        os.close(self._stop)
        os.waitpid(self.holder, 0)
        subprocess.run(["rm", "-rf", "--one-file-system", self.home, self._databases], check=True)


@contextmanager
def with_alpine(somebody: OrdinaryUser, registry: Registry) -> Iterator[OrdinaryUser]:
    """A user who has the image `alpine`; all that the user made goes at the end, and the user."""
    try:
        name = registry.name("alpine")
        somebody.ok("pull", name)
        somebody.ok("tag", name, "alpine")
        yield somebody
        somebody.remove_all()
    finally:
        somebody.close()


def closed_ways() -> Iterator[tuple[str, list[str]]]:
    """Directories that only root can pass through, and what is needed of what is below each."""
    program = shutil.which(PROGRAM[0]) or PROGRAM[0]
    needed = {str(Path(program).parent.parent), sys.prefix, sys.base_prefix, str(FILES_OF_ROOT)}
    ways: dict[str, list[str]] = {}
    for path in sorted(needed):
        above = [str(each) for each in reversed(Path(path).parents)]
        closed = [each for each in above if not os.stat(each).st_mode & 0o001]
        if closed:
            ways.setdefault(closed[0], []).append(path)
    yield from ways.items()
