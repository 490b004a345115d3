"""The guide: a process that goes ahead of init into namespaces that its creator cannot enter.

    creator                 guide                                  init
    clone ───────────────▶  joins with the host's power
                            joins the user namespace, or makes one
          ◀───────────────  "unshared"
    ids mapped, "go" ────▶  joins what only now may be joined
                            makes the time namespace, sets its clocks
                            clone ───────────────────────────────▶ born, with the rest new
          ◀───────────────  "born" pid, and it ends

A user namespace cannot be left again, and a time namespace is entered by a clone only. Init is the
creator's own child all the same (CLONE_PARENT).
"""

from __future__ import annotations

import os

from cuddy.kernel import namespaces, process
from cuddy.runtime import handshake, launch, user_namespace
from cuddy.runtime.init import init

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from cuddy.runtime.create import Birth
    from cuddy.runtime.init import Newborn

KINDS = ("ipc", "uts", "network", "pid", "time", "cgroup")
"""Kinds in the order in which they are joined; the mounts are init's to join, when all that it
needs of the host's is there.
"""


def lead(newborn: Newborn, birth: Birth, cgroup_fd: int) -> process.Child:
    """Send a guide ahead; returns init as `process.clone` would. Raises CuddyError, OSError."""
    channel = birth.channel
    assert channel
    guide = process.clone(0, cgroup_fd=cgroup_fd)
    if not guide.pid:
        channel.close()
        go_ahead(newborn)
    newborn.channel.close()  # or we should never hear that it is gone
    try:
        while (message := channel.receive()).kind == "unshared":
            user_namespace.map_ids(birth.bundle, guide.pid)
            channel.send("go")
    except BaseException:
        process.pidfd_send_signal(guide.pidfd, 9)
        raise
    finally:
        os.waitpid(guide.pid, 0)
        os.close(guide.pidfd)
    if message.kind != "born":
        raise handshake.failure(message, birth.program)
    return process.Child(message.number, process.pidfd_open(message.number))


def join_early(newborn: Newborn) -> None:
    """What the host's power opens; what it does not, the user namespace's own perhaps does."""
    for kind in KINDS:
        if kind in newborn.joined:
            try:
                join(newborn, kind)
            except PermissionError:
                if not newborn.bundle.has_namespace("user"):
                    raise


def join(newborn: Newborn, kind: str) -> None:
    """Join one, and be done with it."""
    namespaces.setns(newborn.joined[kind], namespaces.FLAGS[kind])
    os.close(newborn.joined.pop(kind))


def enter_user_namespace(newborn: Newborn) -> None:
    """Somebody's, or a new one whose ids the creator maps; from here on we are its root."""
    if "user" in newborn.joined:
        join(newborn, "user")
    elif newborn.bundle.has_namespace("user"):
        namespaces.unshare(namespaces.CLONE_NEWUSER)
        newborn.channel.send("unshared")
        launch.expect_go(newborn.channel)


def join_late(newborn: Newborn) -> None:
    """The others, which belong to the user namespace."""
    for kind in KINDS:
        if kind in newborn.joined:
            join(newborn, kind)


def set_clocks(newborn: Newborn) -> None:
    """A new time namespace takes its offsets until somebody is in it (time_namespaces(7))."""
    if not newborn.bundle.makes_namespace("time"):
        return
    namespaces.unshare(namespaces.CLONE_NEWTIME)
    offsets = newborn.config["linux"].get("timeOffsets", {})
    lines = [f"{name} {o.get('secs', 0)} {o.get('nanosecs', 0)}\n" for name, o in offsets.items()]
    if lines:
        fd = os.open("/proc/self/timens_offsets", os.O_WRONLY | os.O_CLOEXEC)
        os.write(fd, "".join(lines).encode())
        os.close(fd)


def send_ahead(newborn: Newborn) -> None:
    """The guide's last step: only its child goes on, as init."""
    process.prctl(process.PR_SET_DUMPABLE, 0)  # it may be visible in a pid namespace it joins
    child = process.clone(process.CLONE_PARENT | newborn.bundle.new_namespaces())
    if not child.pid:
        init(newborn)
    newborn.channel.send("born", number=child.pid)
    os._exit(0)


STEPS = (join_early, enter_user_namespace, join_late, set_clocks, send_ahead)


def go_ahead(newborn: Newborn) -> NoReturn:
    """Take every step."""
    launch.take(STEPS, newborn, newborn.channel, "guide")
