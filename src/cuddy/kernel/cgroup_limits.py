"""Limits of a control group: values for control files, written in an order that the kernel takes.

Some values are only valid after another has changed: a limit of memory and swap that is to rise
above one of memory, a quota within a period. They are tried again then. Functions take the
directories of one group by controller, as `Cgroup.paths` has them.
"""

from __future__ import annotations

import errno
import os

from cuddy.errors import InvalidArgument, NotPermitted, SystemFailure
from cuddy.kernel import control_file
from cuddy.kernel.cgroup_hierarchies import UNIFIED
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

INTERDEPENDENT = ("memory", "cpu", "cpuset")
"""Controllers of which one limit may only be valid after another has been changed."""
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
LATER = (errno.EINVAL, errno.EBUSY)
"""What the kernel answers then."""


NOTHING = "nothing"


class CgroupWrite(NamedTuple):
    """A value for a control file. `limit` is what the user calls it; "" means the file's name.

    `otherwise` is for a kernel that does not have the file: another write, or a warning to give;
    NOTHING if there is nothing to say.
    """

    controller: str
    file: str
    value: str
    limit: str = ""
    otherwise: CgroupWrite | str = ""

    def __str__(self) -> str:
        return f"echo {self.value} > {self.controller}:{self.file}"


def apply(paths: Mapping[str, str], writes: Iterable[CgroupWrite]) -> list[str]:
    """Write limits in this order; returns warnings, about what this kernel does without.

    Raises NotPermitted, InvalidArgument naming the limit.
    """
    rules, late = [], []
    warnings: list[str] = []
    for each in writes:
        if each.controller == "devices" and "devices" not in paths:
            rules.append(each)
        elif not write(paths, each, warnings, final=each.controller not in INTERDEPENDENT):
            late.append(each)
    while late:
        left = [each for each in late if not write(paths, each, warnings, final=False)]
        if len(left) == len(late):
            write(paths, left[0], warnings, final=True)
        late = left
    if rules:
        limit_devices(paths, rules)
    return warnings


def write(
    paths: Mapping[str, str], limit: CgroupWrite, warnings: list[str], *, final: bool
) -> bool:
    """Whether the value is set; False if it may be tried again."""
    directory = paths.get(limit.controller) or paths.get(UNIFIED)
    if not directory:
        raise NotPermitted(f"cannot set {limit.limit}: the group has no {limit.controller}")
    try:
        control_file.write(f"{directory}/{limit.file}", limit.value)
    except OSError as error:
        if error.errno in control_file.ABSENT and isinstance(limit.otherwise, CgroupWrite):
            return write(paths, limit.otherwise, warnings, final=final)
        if error.errno in control_file.ABSENT and limit.otherwise:
            if limit.otherwise != NOTHING:
                warnings.append(str(limit.otherwise))
            return True
        if not final and error.errno in LATER:
            return False
        raise refused(limit, directory, error) from error
    return True


def limit_devices(paths: Mapping[str, str], writes: list[CgroupWrite]) -> None:
    """Version 2 has no files for it; `bpf` is only imported where it is needed."""
    from cuddy.kernel import bpf

    rules = [bpf.parse_rule(w.file.removeprefix("devices."), w.value) for w in writes]
    fd = os.open(paths[UNIFIED], os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        bpf.limit_devices(fd, rules)
    except PermissionError as error:
        raise NotPermitted(f"cannot limit the devices: {words(error)}") from error
    except OSError as error:
        raise SystemFailure.from_os("cannot limit the devices", error) from error
    finally:
        os.close(fd)


def words(error: OSError) -> str:
    """The kernel's words for an error."""
    return os.strerror(error.errno or 0).lower()


def refused(limit: CgroupWrite, directory: str, error: OSError) -> NotPermitted | InvalidArgument:
    """The kernel's refusal in the words of the limit."""
    what = f"cannot set {limit.limit or limit.file} to {limit.value}"
    if error.errno == errno.ENOENT:
        return NotPermitted(f"{what}: this kernel has no {limit.file}")
    if error.errno in FORBIDDEN:
        return NotPermitted(f"{what}: {words(error)}")
    if error.errno == errno.EBUSY and limit.controller == "memory":
        used, most = (
            control_file.read_number(f"{directory}/memory.{name}_in_bytes")
            for name in ("usage", "max_usage")
        )
        usage = f"current usage: {used}, peak usage: {most}"
        return InvalidArgument(f"unable to set memory limit to {limit.value} ({usage})")
    return InvalidArgument(f"{what}: {words(error)}")
