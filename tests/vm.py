"""`make test-vm`: the suites in a virtual machine, on another kernel and on cgroup version 2 alone.

    python tests/vm.py [PYTEST ARGUMENT...]

The machine is Debian 12 with its cloud kernel (6.1), systemd and our wheel, in QEMU's emulation, so
that it runs wherever this does; it has no network. It boots once, runs pytest as a service, tells
on its serial line what comes of it, and powers off. What is made for it stays in `.vm/`: the root
is downloaded once, the disk is made anew when the sources are others.

Emulated, everything takes ten to twenty times as long: all of it takes hours.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
CACHE = ROOT / ".vm"
SUITES = ("tests/kernel", "tests/runtime", "tests/cli")
MIRROR = "http://deb.debian.org/debian"
PACKAGES = (
    "linux-image-cloud-amd64", "initramfs-tools", "systemd-sysv", "dbus", "udev", "kmod",
    "python3-venv", "iproute2", "nftables", "docker-registry", "skopeo", "busybox-static", "procps",
    "curl", "openssl", "bind9-dnsutils", "git", "tcc", "libc6-dev", "lua5.4", "tcl", "sqlite3",
    "make", "util-linux", "runc", "crun", "uidmap", "ca-certificates", "strace", "redis-tools",
    "redis-server",
)  # fmt: skip
DISK_BYTES = 8 << 30
EXIT = "cuddy-vm: exit code "
TIME_FACTOR = "5"
"""By how much the deadlines of tests are longer."""
UNIT = f"""\
[Unit]
Description=cuddy's tests
[Service]
Type=oneshot
WorkingDirectory=/cuddy
Environment=CUDDY=/cuddy/.venv/bin/cuddy HOME=/root LANG=C.UTF-8
Environment=CUDDY_TESTS_TIME_FACTOR={TIME_FACTOR}
Environment=PATH=/cuddy/.venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ExecStart=/cuddy/run-tests
ExecStopPost=systemctl --force --force poweroff
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
TimeoutStartSec=infinity
Delegate=yes
"""
SCRIPT = f"""\
#!/bin/sh
uname -r; cat /sys/fs/cgroup/cgroup.controllers
words=$(sed -n 's/.*cuddy.args=\\([^ ]*\\).*/\\1/p' /proc/cmdline | base64 -d)
sh -c "exec python -m pytest --color=no $words"
echo "{EXIT}$?"
"""
MASKED = ("serial-getty@ttyS0.service", "getty.target", "apt-daily.timer", "man-db.timer",
          "docker-registry.service", "redis-server.service", "fstrim.timer", "e2scrub_all.timer",
          "dpkg-db-backup.timer", "apt-daily-upgrade.timer")  # fmt: skip


def main(words: list[str]) -> int:
    CACHE.mkdir(exist_ok=True)
    root = CACHE / "root.tar"
    if not root.exists():
        make_root(root)
    disk = CACHE / f"{revision()}.ext4"
    if not disk.exists():
        for old in CACHE.glob("*.ext4"):
            old.unlink()
        make_disk(root, disk)
    return boot(disk, words or list(SUITES))


def run(*words: object, **options: object) -> None:
    subprocess.run([str(word) for word in words], check=True, **options)  # type: ignore[call-overload]


def revision() -> str:
    """A name for the sources as they are."""
    tree = subprocess.run(["git", "stash", "create"], cwd=ROOT, capture_output=True, text=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return (tree.stdout.strip() or head.stdout.strip())[:16]


def make_root(path: Path) -> None:
    """The machine's packages, as an archive."""
    run("mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", "bookworm",
        path.with_suffix(".part.tar"), MIRROR)  # fmt: skip
    path.with_suffix(".part.tar").rename(path)


def make_disk(root: Path, disk: Path) -> None:
    """The root with the sources and what they need, as a file system; kernel and initrd beside."""
    with tempfile.TemporaryDirectory(dir=CACHE) as directory:
        tree = Path(directory, "root")
        tree.mkdir()
        run("tar", "-xpf", root, "-C", tree, "--numeric-owner")
        copy_sources(tree / "cuddy")
        install(tree)
        prepare_init(tree)
        for name in ("vmlinuz", "initrd.img"):
            shutil.copy(next(tree.glob(f"boot/{name}-*")), CACHE / name)
        part = disk.with_suffix(".part")
        with part.open("wb") as file:
            file.truncate(DISK_BYTES)
        run("mkfs.ext4", "-q", "-d", tree, part)
        part.rename(disk)


def copy_sources(target: Path) -> None:
    """All files that git knows, as they are now."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def install(tree: Path) -> None:
    """Our wheel and those that the tests need, in an environment of the machine's own Python."""
    wheels = tree / "wheels"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    run(*pip, "wheel", "-q", "--wheel-dir", wheels, f"{ROOT}[test]")
    inside = ["chroot", str(tree)]
    run(*inside, "python3", "-m", "venv", "/cuddy/.venv")
    run(*inside, "/cuddy/.venv/bin/pip", "install", "-q", "--no-index", "--find-links", "/wheels",
        "cuddy[test]", env=os.environ | {"PIP_CONFIG_FILE": "/dev/null"})  # fmt: skip


def prepare_init(tree: Path) -> None:
    """systemd, with the tests as a service and nothing that would disturb them."""
    script = tree / "cuddy/run-tests"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    units = tree / "etc/systemd/system"
    (units / "cuddy-tests.service").write_text(UNIT)
    wanted = units / "multi-user.target.wants"
    wanted.mkdir(exist_ok=True)
    (wanted / "cuddy-tests.service").symlink_to("/etc/systemd/system/cuddy-tests.service")
    for name in MASKED:
        (units / name).unlink(missing_ok=True)
        (units / name).symlink_to("/dev/null")
    (tree / "etc/machine-id").write_text("")
    (tree / "etc/hostname").write_text("vm\n")
    (tree / "etc/hosts").write_text("127.0.0.1 localhost vm\n::1 localhost\n")


def boot(disk: Path, words: list[str]) -> int:
    """Run the machine to its end; the tests' exit code."""
    arguments = base64.b64encode(" ".join(words).encode()).decode()
    quiet = "quiet loglevel=3 systemd.show_status=no"
    kernel = f"root=/dev/vda rw console=ttyS0 {quiet} cuddy.args={arguments}"
    machine = [
        "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2",
        "-m", "3072",
        "-nographic", "-no-reboot", "-nic", "none", "-snapshot",
        "-drive", f"file={disk},if=virtio,format=raw,cache=unsafe",
        "-kernel", str(CACHE / "vmlinuz"), "-initrd", str(CACHE / "initrd.img"), "-append", kernel,
    ]  # fmt: skip
    code = 70
    with subprocess.Popen(machine, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as running:
        assert running.stdout
        for line in running.stdout:
            text = line.decode(errors="replace").rstrip()
            print(text, flush=True)
            if text.startswith(EXIT):
                code = int(text.removeprefix(EXIT))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
