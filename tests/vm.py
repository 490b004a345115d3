"""`make test-vm`: the suites in a virtual machine, on another kernel and on cgroup version 2 alone.

    python tests/vm.py [--limit=SECONDS] [PYTEST ARGUMENT...]

The machine is Debian 12 with its cloud kernel (6.1), systemd and our wheel, in QEMU's emulation, so
that it runs wherever this does; it has no network. It boots once, runs the suites file by file as a
service (`vm_inside.py`), tells on its serial line what comes of each, and powers off. What is made
for it stays in `.vm/`: the root is downloaded once, the disk with the sources is made anew when
they are others. Without arguments all three suites run, but for the files whose results are known:
a run that was broken off goes on where it was, and what cgroups and the kernel matter to comes
first. The results are in `.vm/results-REVISION`.

A shell of the machine's listens at `.vm/shell` meanwhile (`socat -,raw,echo=0 .vm/shell`).

Emulated, everything takes ten to twenty times as long: all of it takes hours on two processors.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import shutil
import subprocess
import sys
import time
import zlib
from collections.abc import Iterable
from pathlib import Path

from vm_inside import RESULT

ROOT = Path(__file__).parent.parent
CACHE = ROOT / ".vm"
SUITES = ("tests/kernel", "tests/runtime", "tests/cli", "tests/api/test_units.py")
FIRST = ("systemd", "units", "cgroup", "limits", "stats", "update", "pause", "rootless", "userns",
         "network", "egress", "volume", "mount")  # fmt: skip
"""What the names of the files have in them that run before the others."""
MIRROR = "http://deb.debian.org/debian"
PACKAGES = (
    "linux-image-cloud-amd64", "initramfs-tools", "systemd-sysv", "dbus", "udev", "kmod",
    "python3-venv", "iproute2", "nftables", "docker-registry", "skopeo", "busybox-static", "procps",
    "curl", "openssl", "bind9-dnsutils", "git", "tcc", "libc6-dev", "lua5.4", "tcl", "sqlite3",
    "make", "zstd", "util-linux", "runc", "crun", "uidmap", "ca-certificates", "strace",
    "redis-tools", "redis-server", "fuse-overlayfs", "slirp4netns", "passt", "dbus-user-session",
    "libpam-systemd", "openssh-client",
)  # fmt: skip
ROOT_BYTES, SOURCES_BYTES = 8 << 30, 1 << 30
EXIT = "cuddy-vm: exit code "
LINGERING = "tester"
FAST = "mitigations=off tsc=reliable rcupdate.rcu_expedited=1"
"""Emulated, nobody spies; reading the HPET and waiting for a grace period of RCU's cost most."""
RDTSC = bytes.fromhex("0f31 48c1e220 4809d0 c3")
"""rdtsc; shl rdx, 32; or rax, rdx; ret"""
TIME_FACTOR = "10"
"""By how much the deadlines of tests are longer."""
UNIT = f"""\
[Unit]
Description=cuddy's tests
[Service]
Type=oneshot
WorkingDirectory=/cuddy
Environment=CUDDY=/cuddy/.venv/bin/cuddy HOME=/root LANG=C.UTF-8 PYTHONPATH=/cuddy/tests
Environment=CUDDY_TESTS_TIME_FACTOR={TIME_FACTOR}
Environment=PATH=/cuddy/.venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ExecStartPre=mount /dev/vdb /cuddy
ExecStart=/cuddy/run-tests
ExecStopPost=systemctl --force --force poweroff
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
TimeoutStartSec=infinity
Delegate=yes
"""
SHELL_UNIT = """\
[Unit]
Description=a shell for who looks into a failure
DefaultDependencies=no
After=systemd-remount-fs.service
[Service]
Environment=TERM=dumb HOME=/root
ExecStart=/bin/bash -i
StandardInput=tty-force
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS1
Restart=always
IgnoreSIGPIPE=no
KillMode=process
"""
UNITS = {"cuddy-tests.service": UNIT, "cuddy-shell.service": SHELL_UNIT}
SCRIPT = f"""\
#!/bin/sh
uname -r; cat /sys/fs/cgroup/cgroup.controllers
sh -c "exec python tests/vm_inside.py $(tr -d '\\0' </dev/vdc)"
echo "{EXIT}$?"
"""
MASKED = ("serial-getty@ttyS0.service", "getty.target", "apt-daily.timer", "man-db.timer",
          "docker-registry.service", "redis-server.service", "fstrim.timer", "e2scrub_all.timer",
          "dpkg-db-backup.timer", "apt-daily-upgrade.timer", "systemd-udevd.service",
          "systemd-udevd-control.socket", "systemd-udevd-kernel.socket",
          "systemd-udev-trigger.service")  # fmt: skip


def main(words: list[str]) -> int:
    CACHE.mkdir(exist_ok=True)
    tree = CACHE / f"root-{name_of(repr(PACKAGES).encode())}"
    if not tree.exists():
        make_root(tree)
    root = CACHE / f"root-{name_of(Path(__file__).read_bytes())}.ext4"
    if not root.exists():
        remove(CACHE.glob("root-*.ext4"))
        prepare_init(tree)
        make_disk(tree, root, ROOT_BYTES)
    sources = CACHE / f"{revision()}.ext4"
    if not sources.exists():
        remove(path for path in CACHE.glob("*.ext4") if path != root)
        make_sources(tree, sources)
    results = CACHE / f"results-{sources.stem}"
    return boot([root, sources], results, words or remaining(results))


def name_of(data: bytes) -> str:
    return f"{zlib.crc32(data):08x}"


def remove(paths: Iterable[Path]) -> None:
    for path in list(paths):
        path.unlink()


def remaining(results: Path) -> list[str]:
    """The files of the suites that have no result yet."""
    text = results.read_text() if results.exists() else ""
    done = {line.split()[0] for line in text.splitlines()}
    suites = (ROOT / suite for suite in SUITES)
    paths = [
        path
        for suite in suites
        for path in ([suite] if suite.is_file() else sorted(suite.rglob("test_*.py")))
    ]
    paths.sort(key=lambda path: not any(word in path.name for word in FIRST))
    return [name for path in paths if (name := str(path.relative_to(ROOT))) not in done]


def run(*words: object, **options: object) -> None:
    subprocess.run([str(word) for word in words], check=True, **options)  # type: ignore[call-overload]


def revision() -> str:
    """A name for the sources as they are."""
    made = subprocess.run(["git", "stash", "create"], cwd=ROOT, capture_output=True, text=True)
    tree = f"{made.stdout.strip() or 'HEAD'}^{{tree}}"
    found = subprocess.run(["git", "rev-parse", tree], cwd=ROOT, capture_output=True, text=True)
    return found.stdout[:16]


def make_root(tree: Path) -> None:
    """The machine's packages as a tree, from which the sources' environment is made, and a disk."""
    part = CACHE / "tree.part"
    shutil.rmtree(part, ignore_errors=True)
    run("mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", "bookworm", part,
        MIRROR)  # fmt: skip
    (part / "cuddy").mkdir()
    for name in ("vmlinuz", "initrd.img"):
        shutil.copy(next(part.glob(f"boot/{name}-*")), CACHE / name)
    part.rename(tree)


def make_disk(tree: Path, disk: Path, size: int) -> None:
    part = disk.with_suffix(".part")
    with part.open("wb") as file:
        file.truncate(size)
    run("mkfs.ext4", "-q", "-d", tree, part)
    part.rename(disk)


def make_sources(tree: Path, disk: Path) -> None:
    """The sources with an environment in which they are installed, as a file system."""
    inside = tree / "cuddy"
    for old in inside.iterdir():
        shutil.rmtree(old) if old.is_dir() and not old.is_symlink() else old.unlink()
    copy_sources(inside)
    install(tree)
    compile_tests(tree)
    script = inside / "run-tests"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    make_disk(inside, disk, SOURCES_BYTES)


def copy_sources(target: Path) -> None:
    """All files that git knows, as they are now."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def install(tree: Path) -> None:
    """Our wheel and those that the tests need, in an environment of the machine's own Python."""
    wheels = tree / "cuddy/wheels"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    run(*pip, "wheel", "-q", "--wheel-dir", wheels, f"{ROOT}[test]")
    inside = ["chroot", str(tree)]
    run(*inside, "python3", "-m", "venv", "/cuddy/.venv")
    run(*inside, "/cuddy/.venv/bin/pip", "install", "-q", "--no-index",
        "--find-links=/cuddy/wheels", "cuddy[test]",
        env=os.environ | {"PIP_CONFIG_FILE": "/dev/null"})  # fmt: skip


def compile_tests(tree: Path) -> None:
    """Have pytest rewrite the tests here: in the machine that takes minutes."""
    inside = {"CUDDY_TESTS_DIR": "/tmp", "PYTHONPATH": "/cuddy/tests", "PATH": os.environ["PATH"]}
    pytest = "exec .venv/bin/python -m pytest -q --collect-only -p no:cacheprovider"
    script = f"cd /cuddy; {pytest} {' '.join(SUITES)}"
    enter = 'mount -t proc proc "$0/proc" && exec chroot "$0" sh -c "$1"'
    run("unshare", "--mount", "sh", "-c", enter, tree, script, env=inside,
        stdout=subprocess.DEVNULL)  # fmt: skip


def prepare_init(tree: Path) -> None:
    """systemd, with the tests as a service and nothing that would disturb them."""
    units = tree / "etc/systemd/system"
    wanted = units / "multi-user.target.wants"
    wanted.mkdir(exist_ok=True)
    for name, text in UNITS.items():
        (units / name).write_text(text)
        (wanted / name).unlink(missing_ok=True)
        (wanted / name).symlink_to(f"/etc/systemd/system/{name}")
    for name in MASKED:
        (units / name).unlink(missing_ok=True)
        (units / name).symlink_to("/dev/null")
    (tree / "etc/modules-load.d/cuddy.conf").write_text("br_netfilter\n")
    (tree / "etc/machine-id").write_text("")
    (tree / "etc/hostname").write_text("vm\n")
    # An ordinary user whose own systemd runs without a login.
    if not (tree / "home" / LINGERING).exists():
        run("chroot", tree, "useradd", "--create-home", "--shell", "/bin/sh", LINGERING)
    linger = tree / "var/lib/systemd/linger"
    linger.mkdir(parents=True, exist_ok=True)
    (linger / LINGERING).touch()
    (tree / "etc/fstab").write_text("")  # without udev nothing in it would be found
    (tree / "etc/hosts").write_text("127.0.0.1 localhost vm\n::1 localhost\n")


def boot(disks: list[Path], results: Path, words: list[str]) -> int:
    """Run the machine to its end; the tests' exit code."""
    code = 70
    with subprocess.Popen(
        machine(disks, words), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    ) as running:
        assert running.stdout
        for line in running.stdout:
            text = line.decode(errors="replace").rstrip()
            print(text, flush=True)
            if text.startswith(RESULT):
                with results.open("a") as file:
                    file.write(text.removeprefix(RESULT) + "\n")
            if text.startswith(EXIT):
                code = int(text.removeprefix(EXIT))
    return code


def machine(disks: list[Path], words: list[str]) -> list[str]:
    """QEMU's command line. Nothing is written to the disks; it has no network."""
    arguments = CACHE / "arguments"
    text = " ".join(words)
    arguments.write_text(text + "\0" * (-len(text) % 512))
    quiet = "quiet loglevel=3 systemd.show_status=no"
    # What the machine finds out itself on a busy host made its clock three times too fast.
    clock = f"tsc_early_khz={ticks_a_millisecond()}"
    kernel = f"root=/dev/vda rw console=ttyS0 {FAST} {clock} {quiet}"
    drives = [f"file={disk},if=virtio,format=raw,cache=unsafe"
              for disk in (*disks, arguments)]  # fmt: skip
    return [
        "nice", "-n", "19", "qemu-system-x86_64", *acceleration(), "-smp", "2", "-m", "3072",
        "-display", "none", "-no-reboot", "-nic", "none", "-snapshot",
        "-serial", "stdio", "-serial", f"unix:{CACHE / 'shell'},server=on,wait=off",
        *[word for drive in drives for word in ("-drive", drive)],
        "-kernel", str(CACHE / "vmlinuz"), "-initrd", str(CACHE / "initrd.img"), "-append", kernel,
    ]  # fmt: skip


def ticks_a_millisecond() -> int:
    """Of the processor's time stamp counter, which is also the emulated machine's."""
    with mmap.mmap(
        -1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
    ) as code:
        code.write(RDTSC)
        place = ctypes.c_char.from_buffer(code)
        read = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(place))
        ticks, since = read(), time.monotonic_ns()
        time.sleep(0.2)
        found = (read() - ticks) * 1_000_000 // (time.monotonic_ns() - since)
        del place
    return found


def acceleration() -> list[str]:
    return ["-accel", "tcg,thread=multi", "-cpu", "max"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
