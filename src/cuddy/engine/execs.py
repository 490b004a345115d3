"""The execs that run in a container: a file each in its run directory, named by the exec's id.

A file is believed only together with its process: pid and start time. What a killed keeper left is
cleared by the next exec, and by the container's end at the latest.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.errors import InUse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.kernel.cgroup import Cgroup

ID_LENGTH = 64


def group_name(exec_id: str) -> str:
    """The name of an exec's group below the container's."""
    return f"exec-{exec_id}"


def record(run_dir: str, exec_id: str, pid: int) -> None:
    """Note that an exec's process is there. Raises FileNotFoundError when the container ended."""
    try:
        os.mkdir(f"{run_dir}/execs", 0o700)
    except FileExistsError:
        pass
    text = f"{pid} {files.start_time(pid)}"
    files.write(f"{run_dir}/execs/{exec_id}", text.encode(), durable=False)


def forget(run_dir: str, exec_id: str) -> None:
    """The exec has ended."""
    try:
        os.unlink(f"{run_dir}/execs/{exec_id}")
    except FileNotFoundError:
        pass


def running(run_dir: str) -> list[str]:
    """The ids of the execs whose process lives."""
    return [exec_id for exec_id in recorded(run_dir) if lives(run_dir, exec_id)]


def created(room: str, since: str) -> list[str]:
    """The ids of those that were made since a time and not started yet: exec_records.py."""
    names = set(files.list_directory(room))
    waiting = (n[:-5] for n in names if n.endswith(".json") and f"{n[:-5]}.life" not in names)
    found = []
    for exec_id in waiting:
        try:
            if files.format_time(os.stat(f"{room}/{exec_id}.json").st_mtime_ns) >= since:
                found.append(exec_id)
        except FileNotFoundError:
            pass  # just swept
    return sorted(found)


def recorded(run_dir: str) -> list[str]:
    """Every exec that has a file, in a lasting order."""
    names = files.list_directory(f"{run_dir}/execs")
    return sorted(name for name in names if len(name) == ID_LENGTH)


def lives(run_dir: str, exec_id: str) -> bool:
    """Whether the process of an exec is still the one that was written down."""
    try:
        pid, began = files.read_bytes(f"{run_dir}/execs/{exec_id}").decode().split()
        return files.start_time(int(pid)) == int(began) != 0
    except (OSError, ValueError):
        return False


def clear(run_dir: str, container: Cgroup, exec_id: str, *, timeout_s: float = 0) -> None:
    """Remove an exec's group and file. Both stay while something it left still runs."""
    # Imported here: `inspect` only wants to know which there are.
    from cuddy.kernel import subgroup

    try:
        subgroup.find(container, group_name(exec_id)).remove(timeout_s)
        forget(run_dir, exec_id)
    except InUse:
        pass


def sweep(run_dir: str, container: Cgroup) -> None:
    """Clear what ended execs left."""
    files.sweep_temporary(f"{run_dir}/execs")
    for exec_id in recorded(run_dir):
        if not lives(run_dir, exec_id):
            clear(run_dir, container, exec_id)
