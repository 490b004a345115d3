"""A root file system made to be read, loaded or written by a runtime that enters it."""

from __future__ import annotations

import os
import struct
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

import cuddy
from bundles import OTHER, Bundle, Runtime
from cuddy.kernel import inotify

IN_OPEN = 0x20
EVENT = struct.Struct("iIII")
MACHINE = sysconfig.get_config_var("MULTIARCH") or "x86_64-linux-gnu"
DECOYS = [
    "etc/nsswitch.conf", "etc/ld.so.cache", "etc/ld.so.preload", "etc/localtime", "etc/group",
    "etc/gai.conf", "etc/host.conf", "etc/locale.alias", f"lib/{MACHINE}/libc.so.6",
    f"lib/{MACHINE}/libnss_files.so.2", f"usr/lib/{MACHINE}/libnss_files.so.2",
    f"usr/lib/{MACHINE}/gconv/gconv-modules", "usr/lib/locale/locale-archive",
    "usr/lib/locale/C.utf8/LC_CTYPE", "usr/share/zoneinfo/UTC",
]  # fmt: skip
"""What C libraries read when they are asked for names, text, times or plugins."""


def import_path() -> list[Path]:
    """Directories in which the runtime's interpreter finds modules."""
    library = Path(sysconfig.get_paths()["stdlib"])
    packages = {Path(cuddy.__file__).parent, Path(sysconfig.get_paths()["purelib"]) / "cuddy"}
    parts = [library, library / "encodings", library / "lib-dynload", library / "json"]
    for package in packages:
        parts += [package.parent, package, *(package / p for p in ("cli", "kernel", "runtime"))]
    return parts


class Trap:
    """Decoys in a root file system, and what was opened of it."""

    def __init__(self, root: Path) -> None:
        self._watch = inotify.Watch()
        self._names: list[str] = []
        for name in DECOYS:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(b"\x7fELF or anything else")
        for directory in import_path():
            inside = root / str(directory).lstrip("/")
            inside.mkdir(parents=True, exist_ok=True)
            (inside / "sitecustomize.py").write_text("raise SystemExit(99)\n")
        for directory in (root, *(path for path in root.rglob("*") if path.is_dir())):
            self._watch.add(str(directory), IN_OPEN)
            self._names.append(str(directory.relative_to(root)))

    def opened(self) -> set[str]:
        """Every file and directory that was opened since the last time."""
        found = set()
        try:
            while data := os.read(self._watch.fileno(), 1 << 16):
                while data:
                    number, _, _, size = EVENT.unpack_from(data)
                    name = data[EVENT.size : EVENT.size + size].rstrip(b"\0").decode()
                    found.add(os.path.normpath(f"{self._names[number - 1]}/{name}"))
                    data = data[EVENT.size + size :]
        except BlockingIOError:
            return found

    def close(self) -> None:
        self._watch.close()


@pytest.fixture
def trap(bundle: Bundle) -> Iterator[Trap]:
    trap = Trap(bundle.rootfs)
    yield trap
    trap.close()


@pytest.mark.skipif(bool(OTHER), reason="a question to cuddy's interpreter")
def test_nothing_of_it_is_loaded(runtime: Runtime, bundle: Bundle, trap: Trap) -> None:
    """CVE-2019-14271: after entering it every file is the image's, so none may be needed."""
    bundle.config.update({"hostname": "box", "domainname": "d"})
    bundle.process["env"].append("LANG=de_DE.UTF-8")
    bundle.process.update({"oomScoreAdj": 5, "noNewPrivileges": True, "cwd": "/var"})
    bundle.linux.update({"maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys"]})
    bundle.linux["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["acct"], "action": "SCMP_ACT_ERRNO"}],
    }
    runtime.started(bundle.script("echo up; exec sleep 1000"))
    runtime.wait_for_output()
    expected = {"bin/busybox", "etc/passwd"}
    assert trap.opened() == expected
    assert runtime("exec", "--cwd", "/tmp", "box", "true").code == 0
    assert trap.opened() <= expected
    # And when it cannot be done, which is told by what is there already.
    assert runtime("exec", "--cwd", "/no/such", "box", "true").code == 255
    assert runtime("exec", "box", "no-such-program").code == 255
    assert trap.opened() <= expected
    os.listdir(bundle.rootfs / str(import_path()[0]).lstrip("/"))
    assert trap.opened(), "what the interpreter would import from is watched"


@pytest.mark.parametrize("field", ["maskedPaths", "readonlyPaths"])
def test_a_link_is_not_hidden_in_the_place_of_what_it_leads_to(
    runtime: Runtime, bundle: Bundle, field: str
) -> None:
    """Nor is it followed: where it leads may be another place by the time that matters."""
    (bundle.rootfs / "var/secret").write_text("secret")
    for link in ("link", "var/lib/up"):
        (bundle.rootfs / link).symlink_to("/var")
    for path in ("/link", "/link/secret", "/var/lib/up/secret"):
        bundle.linux[field] = [path]
        assert runtime.create(bundle).code == 1, path


def test_settings_are_not_written_to_files_of_its_own(runtime: Runtime, bundle: Bundle) -> None:
    """CVE-2019-16884 and 2025-52881: a `/proc` that is no proc, or is one's own only in part."""
    name = "proc/sys/net/ipv4/ip_unprivileged_port_start"
    bundle.linux["sysctl"] = {"net.ipv4.ip_unprivileged_port_start": "77"}
    bundle.without_mount("/proc")
    (bundle.rootfs / name).parent.mkdir(parents=True)
    (bundle.rootfs / name).write_text("untouched")
    assert runtime.create(bundle).code == 1
    assert (bundle.rootfs / name).read_text() == "untouched"
    bundle.linux["sysctl"] = {}
    bundle.linux["maskedPaths"] = ["/proc/sys/net/ipv4/ip_unprivileged_port_start"]
    result = runtime.run(bundle.runs("cat", f"/{name}"))
    assert (result.code, result.stdout) == (0, b"")


def test_a_pid_file_takes_the_place_of_a_link(
    runtime: Runtime, bundle: Bundle, tmp_path: Path
) -> None:
    (tmp_path / "bait").write_text("untouched")
    (tmp_path / "pid").symlink_to("bait")
    pid = runtime.started(bundle.runs("sleep", "1000"), "box", "--pid-file", str(tmp_path / "pid"))
    assert (tmp_path / "pid").read_text() == str(pid)
    assert (tmp_path / "bait").read_text() == "untouched"
