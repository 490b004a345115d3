"""AppArmor: the profile that a program is confined by from its execve(2) on (apparmor(7)).

A process announces the profile through a file of its own in procfs. It is opened while procfs is
the host's, and written to just before execve(2), when everything is the container's.
"""

from __future__ import annotations

import os

from cuddy.errors import SystemFailure
from cuddy.kernel import control_file

ENABLED = "/sys/module/apparmor/parameters/enabled"
ATTRIBUTES = ("self/attr/apparmor/exec", "self/attr/exec")
"""The second is shared by all security modules, and all that kernels before 5.8 have."""


def has_apparmor() -> bool:
    """Whether this kernel confines programs by AppArmor profiles."""
    return (control_file.read(ENABLED) or "").startswith("Y")


def open_proc() -> int:
    """The host's procfs, for `open_attribute`. Raises SystemFailure where there is no AppArmor."""
    if not has_apparmor():
        raise SystemFailure("AppArmor is not enabled on this host")
    return os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def open_attribute(proc_fd: int) -> int:
    """A descriptor for `announce`, of the calling process. Raises SystemFailure."""
    for path in ATTRIBUTES:
        try:
            return os.open(path, os.O_WRONLY | os.O_CLOEXEC, dir_fd=proc_fd)
        except FileNotFoundError:
            continue
    raise SystemFailure("this kernel has no file to choose an AppArmor profile with")


def announce(attribute_fd: int, profile: str) -> None:
    """The next execve(2) of this process is into that profile. Raises SystemFailure."""
    try:
        os.write(attribute_fd, f"exec {profile}".encode())
    except OSError as error:
        hint = "'aa-status' lists those that are loaded"
        what = f"cannot use the AppArmor profile {profile}"
        raise SystemFailure.from_os(what, error, hint=hint) from error
