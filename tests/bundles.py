"""OCI bundles made of Debian's busybox-static, and the runtime as a program.

CUDDY_TESTS_RUNTIME=runc (or crun) runs the tests of the command line against another runtime, which
shows whether a test is right.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cuddy
import isolation
from console import TIME_FACTOR, Result, wait_until
from cuddy.kernel import process
from images import BUSYBOX

OTHER = os.environ.get("CUDDY_TESTS_RUNTIME", "")
FROM_SOURCE = (
    f"import sys; sys.path.insert(0, {str(Path(cuddy.__file__).parents[1])!r}); "
    "from cuddy.cli.runtime.main import main; sys.exit(main(sys.argv[1:]))"
)
CUDDY = shlex.split(os.environ.get("CUDDY", ""))
OURS = [f"{CUDDY[0]}-runtime"] if CUDDY else [sys.executable, "-I", "-S", "-c", FROM_SOURCE]
PROGRAM = [shutil.which(OTHER) or OTHER] if OTHER else OURS

CGROUP = isolation.name()
"""Parent of the containers' groups: cgroups are the whole machine's."""
APPLETS = """
sh echo cat ls id env sleep true false pwd stat kill readlink touch mkdir mknod hostname ps test tty
stty umask head tail grep wc dd mount umount rm ln printf seq od find date cut
"""
DIRECTORIES = ("bin", "dev", "etc", "proc", "sys", "tmp", "root", "var/lib", "mnt")

PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
CAPABILITIES = ["CAP_KILL", "CAP_CHOWN", "CAP_SETUID", "CAP_SETGID", "CAP_DAC_OVERRIDE"]
MOUNTS: list[dict[str, Any]] = [
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {
        "destination": "/dev", "type": "tmpfs", "source": "tmpfs",
        "options": ["nosuid", "strictatime", "mode=755", "size=65536k"],
    },
    {
        "destination": "/dev/pts", "type": "devpts", "source": "devpts",
        "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
    },
    {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "ro"]},
]  # fmt: skip
NAMESPACES = ("pid", "mount", "uts", "ipc", "network", "cgroup")


class Bundle:
    """A bundle whose config the test changes before it is used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rootfs = path / "rootfs"
        for name in DIRECTORIES:
            (self.rootfs / name).mkdir(parents=True)
        shutil.copy(BUSYBOX, self.rootfs / "bin/busybox")
        for applet in APPLETS.split():
            (self.rootfs / "bin" / applet).symlink_to("busybox")
        (self.rootfs / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
        self.config: dict[str, Any] = default_config()

    @property
    def process(self) -> dict[str, Any]:
        return self.config["process"]  # type: ignore[no-any-return]

    @property
    def linux(self) -> dict[str, Any]:
        return self.config["linux"]  # type: ignore[no-any-return]

    def runs(self, *words: str) -> Bundle:
        """What the container is to run."""
        self.process["args"] = list(words)
        return self

    def script(self, text: str) -> Bundle:
        """A shell's script to run."""
        return self.runs("/bin/sh", "-c", text)

    def mount(self, destination: str, fstype: str, source: object = "", *options: str) -> None:
        """One more mount, after the others."""
        entry = {"destination": destination, "type": fstype, "source": str(source or fstype)}
        self.config["mounts"].append(entry | {"options": list(options)})

    def without_mount(self, destination: str) -> None:
        mounts = self.config["mounts"]
        self.config["mounts"] = [m for m in mounts if m["destination"] != destination]

    def namespace(self, kind: str, path: str | None = "") -> None:
        """Give it a namespace: new, by path, or (None) the caller's."""
        rest = [entry for entry in self.linux["namespaces"] if entry["type"] != kind]
        if path is not None:
            rest.append({"type": kind} | ({"path": path} if path else {}))
        self.linux["namespaces"] = rest

    def program(self, name: str, text: str) -> str:
        """A script in the root file system; its path inside."""
        file = self.rootfs / name.lstrip("/")
        file.write_text(text)
        file.chmod(0o755)
        return f"/{name.lstrip('/')}"

    def write(self) -> Bundle:
        (self.path / "config.json").write_text(json.dumps(self.config))
        return self


def default_config() -> dict[str, Any]:
    document = {
        "ociVersion": "1.0.2",
        "root": {"path": "rootfs"},
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": ["/bin/sh"],
            "env": [PATH],
            "cwd": "/",
            "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), CAPABILITIES),
        },
        "mounts": MOUNTS,
        "linux": {"namespaces": [{"type": kind} for kind in NAMESPACES]},
    }
    return json.loads(json.dumps(document))  # type: ignore[no-any-return]


class Runtime:
    """The runtime's command line with a state root of its own, and what it has started."""

    def __init__(self, directory: Path, program: Sequence[str] = PROGRAM) -> None:
        self.program = [*program, "--root", str(directory / "state")]
        self.directory = directory
        self.state_root = directory / "state"
        self._made: list[str] = []
        self._known = children()
        # Containers outlive the command that made them and come to the nearest subreaper: us.
        process.prctl(process.PR_SET_CHILD_SUBREAPER, 1)

    def __call__(self, *words: object, **options: Any) -> Result:
        """One call. What it starts must not hold our pipes open: see `create`."""
        command = [*self.program, *map(str, words)]
        given = {
            "stdin": subprocess.DEVNULL,
            "capture_output": True,
            "timeout": 60 * TIME_FACTOR,
        } | options
        done = subprocess.run(command, **given)
        return Result(done.returncode, done.stdout or b"", done.stderr or b"")

    def ok(self, *words: object, **options: Any) -> str:
        result = self(*words, **options)
        assert result.code == 0, result.err
        return result.out

    def made(self, container_id: str) -> None:
        """There is this container to delete in the end."""
        self._made.append(container_id)

    def run(
        self, bundle: Bundle, container_id: str = "box", flags: Sequence[str] = (), **options: Any
    ) -> Result:
        """Run a bundle to its end."""
        bundle.linux["cgroupsPath"] = f"/{CGROUP}/{container_id}"
        self._made.append(container_id)
        return self("run", *flags, "--bundle", bundle.write().path, container_id, **options)

    def create(
        self, bundle: Bundle, container_id: str = "box", *words: object, **options: Any
    ) -> Result:
        """Create a container; its output goes to a file, see `output`."""
        bundle.linux["cgroupsPath"] = f"/{CGROUP}/{container_id}"
        self._made.append(container_id)
        with (
            open(self.directory / f"{container_id}.out", "wb") as out,
            open(self.directory / f"{container_id}.err", "w+b") as err,
        ):
            given = {"stdout": out, "stderr": err, "capture_output": False} | options
            bundle.write()
            command = ("create", "--bundle", bundle.path, *words, container_id)
            result = self(*command, **given)
            err.seek(0)
            return Result(result.code, b"", err.read())

    def created(self, bundle: Bundle, container_id: str = "box", *words: object) -> int:
        """Create a container that must come about; the pid of its init."""
        result = self.create(bundle, container_id, *words)
        assert result.code == 0, result.err
        return self.pid(container_id)

    def started(self, bundle: Bundle, container_id: str = "box", *words: object) -> int:
        pid = self.created(bundle, container_id, *words)
        self.ok("start", container_id)
        return pid

    def output(self, container_id: str = "box") -> str:
        """What a created container has written so far."""
        return (self.directory / f"{container_id}.out").read_text()

    def wait_for_output(self, container_id: str = "box", *, lines: int = 1) -> str:
        """The same, when it is that many whole lines."""
        wait_until(lambda: self.output(container_id).count("\n") >= lines)
        return self.output(container_id)

    def state(self, container_id: str = "box") -> dict[str, Any]:
        return json.loads(self.ok("state", container_id))  # type: ignore[no-any-return]

    def status(self, container_id: str = "box") -> str:
        return str(self.state(container_id)["status"])

    def pid(self, container_id: str = "box") -> int:
        return int(self.state(container_id)["pid"])

    def wait(self, pid: int) -> int:
        """The exit code of a container's init, when it has ended."""
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def close(self) -> None:
        """Delete what is left and bury it."""
        for container_id in self._made:
            self("delete", "--force", container_id)
        reap(self._known)
        process.prctl(process.PR_SET_CHILD_SUBREAPER, 0)
        remove_cgroups(CGROUP)


def children() -> set[int]:
    """The processes that are ours to bury."""
    own = os.getpid()
    return {int(pid) for pid in Path(f"/proc/{own}/task/{own}/children").read_text().split()}


def reap(known: set[int]) -> None:
    """Bury every child that has ended or is about to, but those that were there before."""
    deadline = time.monotonic() + 10 * TIME_FACTOR
    while time.monotonic() < deadline and (left := children() - known):
        for pid in left:
            os.waitpid(pid, os.WNOHANG)
        time.sleep(0.002)


def remove_cgroups(name: str) -> None:
    """The empty parents of test containers' groups, in every hierarchy."""
    for parent in find_cgroups(name):
        for child in [path for path in parent.iterdir() if path.is_dir()]:
            child.rmdir()
        parent.rmdir()


def find_cgroups(name: str) -> Iterator[Path]:
    for top in Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").iterdir():
        if (top / name).is_dir():
            yield top / name


def end(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
