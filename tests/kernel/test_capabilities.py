"""Giving capabilities up, for real, in a child."""

from __future__ import annotations

import os
from collections.abc import Callable

from cuddy.kernel import capabilities
from cuddy.kernel.syscall import syscall

PR_SET_KEEPCAPS = 8


def sets_after(work: Callable[[], None]) -> dict[str, frozenset[str]]:
    """The five sets of a child that has done `work`."""
    read_fd, write_fd = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            work()
            with open("/proc/self/status", "rb") as status:
                os.write(write_fd, status.read())
        finally:
            os._exit(0)
    os.close(write_fd)
    with open(read_fd) as answer:
        lines = [line.split() for line in answer if line.startswith("Cap")]
    os.waitpid(pid, 0)
    return {name.strip(":"): capabilities.from_mask(int(mask, 16)) for name, mask in lines}


def test_the_bounding_set_keeps_only_what_it_is_told() -> None:
    keep = capabilities.own() & {"CAP_CHOWN", "CAP_KILL", "CAP_SYS_ADMIN"}
    assert (
        sets_after(lambda: capabilities.drop_bounding(keep, capabilities.bounding()))["CapBnd"]
        == keep
    )


def test_dropping_twice_is_fine_without_the_power_to_drop() -> None:
    keep = frozenset({"CAP_CHOWN"})

    def drop() -> None:
        capabilities.drop_bounding(keep, capabilities.bounding())
        capabilities.set_sets(permitted=keep, effective=keep, inheritable=())
        capabilities.drop_bounding(keep, capabilities.bounding())

    assert sets_after(drop)["CapBnd"] == keep


def test_each_set_is_what_was_asked_for() -> None:
    permitted = {"CAP_CHOWN", "CAP_NET_RAW", "CAP_CHECKPOINT_RESTORE"} & capabilities.own()

    def give() -> None:
        capabilities.set_sets(
            permitted=permitted, effective=["CAP_CHOWN"], inheritable=["CAP_NET_RAW"]
        )
        capabilities.set_ambient(["CAP_NET_RAW"])

    sets = sets_after(give)
    assert sets["CapPrm"] == permitted
    assert sets["CapEff"] == {"CAP_CHOWN"}
    assert sets["CapInh"] == {"CAP_NET_RAW"}
    assert sets["CapAmb"] == {"CAP_NET_RAW"}


def test_a_user_keeps_what_was_kept_for_it() -> None:
    def become_nobody() -> None:
        syscall("prctl", PR_SET_KEEPCAPS, 1)
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
        capabilities.set_sets(
            permitted=["CAP_NET_RAW"], effective=["CAP_NET_RAW"], inheritable=["CAP_NET_RAW"]
        )
        capabilities.set_ambient(["CAP_NET_RAW"])

    sets = sets_after(become_nobody)
    assert sets["CapPrm"] == sets["CapEff"] == sets["CapAmb"] == {"CAP_NET_RAW"}


def test_the_ambient_set_is_emptied() -> None:
    def raise_and_empty() -> None:
        capabilities.set_sets(
            permitted=["CAP_CHOWN"], effective=["CAP_CHOWN"], inheritable=["CAP_CHOWN"]
        )
        capabilities.set_ambient(["CAP_CHOWN"])
        capabilities.set_ambient([])

    assert sets_after(raise_and_empty)["CapAmb"] == frozenset()


def test_own_never_names_what_this_process_cannot_give() -> None:
    own = capabilities.own()
    assert (
        sets_after(lambda: capabilities.set_sets(permitted=own, effective=own, inheritable=own))[
            "CapEff"
        ]
        == own
    )
