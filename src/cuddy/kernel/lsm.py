"""Security modules: the AppArmor profile or SELinux label that a program is confined by from its
execve(2) on (apparmor(7), selinux(8)).

A process announces it through a file of its own in procfs. It is opened while procfs is the
host's, and written to just before execve(2), when everything is the container's.
"""

from __future__ import annotations

import os

from cuddy.errors import SystemFailure
from cuddy.kernel import control_file

APPARMOR = "/sys/module/apparmor/parameters/enabled"
SELINUX = "/sys/fs/selinux/enforce"
UNCONFINED = "unconfined"
ATTRIBUTES = ("self/attr/apparmor/exec", "self/attr/exec")
"""The second is shared by all security modules: SELinux's only one, and AppArmor's before 5.8."""
NEW_KEYS = "self/attr/keycreate"


def has_apparmor() -> bool:
    """Whether this kernel confines programs by AppArmor profiles."""
    return (control_file.read(APPARMOR) or "").startswith("Y")


def has_selinux() -> bool:
    """Whether this kernel has a policy of SELinux, enforced or not."""
    return os.path.exists(SELINUX)


def check(profile: str, label: str) -> None:
    """Refuse a profile of AppArmor or a label of SELinux where there is none to heed it.

    A lock that does not close is none. Raises SystemFailure.
    """
    if profile not in ("", UNCONFINED) and not has_apparmor():
        raise SystemFailure("AppArmor is not enabled on this host")
    if label and not has_selinux():
        raise SystemFailure(
            "selinux label is specified in config, but selinux is disabled or not supported"
        )
    if profile and label:
        raise SystemFailure("a program has a profile of AppArmor or a label of SELinux, not both")


def open_proc() -> int:
    """The host's procfs, for `open_attribute`."""
    return os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def open_attribute(proc_fd: int, profile: str = "") -> int:
    """A descriptor for `announce`, of the calling process. Raises SystemFailure."""
    for path in ATTRIBUTES if profile else ATTRIBUTES[1:]:
        try:
            return os.open(path, os.O_WRONLY | os.O_CLOEXEC, dir_fd=proc_fd)
        except FileNotFoundError:
            continue
    raise SystemFailure("this kernel has no file to choose a security module's profile with")


def announce(attribute_fd: int, profile: str, label: str = "") -> None:
    """The next execve(2) of this process is into that profile or label. Raises SystemFailure."""
    try:
        os.write(attribute_fd, (f"exec {profile}" if profile else label).encode())
    except OSError as error:
        if label:
            raise SystemFailure.from_os(f"cannot use the SELinux label {label}", error) from error
        hint = "'aa-status' lists those that are loaded"
        what = f"cannot use the AppArmor profile {profile}"
        raise SystemFailure.from_os(what, error, hint=hint) from error


def label_keys(label: str) -> None:
    """Keys and keyrings that this process makes have that SELinux label. Raises OSError."""
    fd = os.open(f"/proc/{NEW_KEYS}", os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, label.encode())
    finally:
        os.close(fd)
