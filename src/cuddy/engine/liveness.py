"""Whether a container's monitor lives: pid, start time and boot stand in `<run dir>/monitor`."""

from __future__ import annotations

import os

from cuddy import files
from cuddy.kernel import process


def record_monitor(run_dir: str) -> None:
    """Write down who watches over this container: the calling process."""
    text = f"{os.getpid()} {files.start_time(os.getpid())} {boot_id()}"
    files.write(f"{run_dir}/monitor", text.encode(), durable=False)


def read_monitor(run_dir: str) -> tuple[int, int, str]:
    """pid, start time and boot of a container's monitor; zeros if there is none."""
    try:
        pid, began, boot = files.read_bytes(f"{run_dir}/monitor").decode().split()
        return int(pid), int(began), boot
    except (OSError, ValueError):
        return 0, 0, ""


def monitor_lives(run_dir: str, this_boot: str = "") -> bool:
    """Whether a container's monitor is alive: the same process in the same boot."""
    pid, began, boot = read_monitor(run_dir)
    return bool(pid) and files.start_time(pid) == began and boot == (this_boot or boot_id())


def open_monitor(run_dir: str) -> int:
    """A pidfd of the container's monitor, -1 if there is none."""
    pid, began, _ = read_monitor(run_dir)
    return process.open_exact(pid, began) if pid else -1


def boot_id() -> str:
    """Names this boot of the machine: a pid and a start time may repeat in the next."""
    return files.read_bytes("/proc/sys/kernel/random/boot_id").decode().strip()
