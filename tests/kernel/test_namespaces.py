"""Moving between namespaces, for real."""

from __future__ import annotations

import os
import socket

import pytest

from child import in_child
from cuddy.kernel import namespaces


def identify_all() -> dict[str, str]:
    return {kind: namespaces.identify("self", kind) for kind in namespaces.LINKS}


@pytest.mark.parametrize("kind", ["user", "network", "ipc", "uts", "mount", "cgroup"])
def test_unshare_makes_one_new_namespace(kind: str) -> None:
    before = identify_all()
    after = in_child(identify_all, unshare=namespaces.FLAGS[kind])
    # Whoever enters a user namespace is told apart by nothing else.
    assert {each for each in before if before[each] != after[each]} == {kind}


def test_a_new_pid_namespace_is_for_children() -> None:
    def work() -> tuple[str, int]:
        namespaces.unshare(namespaces.CLONE_NEWPID)
        return namespaces.identify("self", "pid"), in_child(os.getpid)

    assert in_child(work) == (namespaces.identify("self", "pid"), 1)


def test_setns_joins_what_a_descriptor_keeps_alive() -> None:
    def work() -> tuple[str, str]:
        own_fd = namespaces.open_namespace("self", "uts")
        own = namespaces.identify("self", "uts")
        namespaces.unshare(namespaces.CLONE_NEWUTS)
        namespaces.sethostname("elsewhere")
        namespaces.setns(own_fd, namespaces.CLONE_NEWUTS)
        assert namespaces.identify("self", "uts") == own
        return own, os.uname().nodename

    assert in_child(work)[1] == os.uname().nodename


def test_setns_refuses_a_namespace_of_another_kind() -> None:
    def work() -> None:
        fd = namespaces.open_namespace("self", "uts")
        with pytest.raises(OSError, match="setns"):
            namespaces.setns(fd, namespaces.CLONE_NEWIPC)

    in_child(work)


class TestNames:
    def test_host_and_domain_name_are_the_namespaces(self) -> None:
        def work() -> tuple[str, str]:
            namespaces.sethostname("ünï.example")
            namespaces.setdomainname("example.org")
            with open("/proc/sys/kernel/domainname") as file:
                return socket.gethostname(), file.read()

        before = os.uname()
        assert in_child(work, unshare=namespaces.CLONE_NEWUTS) == ("ünï.example", "example.org\n")
        assert os.uname() == before

    def test_one_that_is_too_long_is_refused_by_name(self) -> None:
        def work() -> None:
            with pytest.raises(OSError, match="sethostname x+"):
                namespaces.sethostname("x" * 65)

        in_child(work, unshare=namespaces.CLONE_NEWUTS)


class TestJoined:
    def test_the_process_is_back_in_its_own_afterwards(self) -> None:
        def work() -> None:
            before = identify_all()
            fd = other_namespace("uts")
            with namespaces.Joined(fd, "uts"):
                assert namespaces.identify("self", "uts") != before["uts"]
            assert identify_all() == before
            with pytest.raises(KeyError), namespaces.Joined(fd, "uts"):
                raise KeyError
            assert identify_all() == before

        in_child(work)

    def test_what_cannot_be_joined_leaves_no_descriptor(self) -> None:
        def work() -> None:
            fd = other_namespace("uts")
            before = os.listdir("/proc/self/fd")
            with pytest.raises(OSError), namespaces.Joined(fd, "ipc"):
                pass
            assert os.listdir("/proc/self/fd") == before

        in_child(work)


def other_namespace(kind: str) -> int:
    """A descriptor of a namespace that nobody is in."""
    own = namespaces.open_namespace("self", kind)
    namespaces.unshare(namespaces.FLAGS[kind])
    fd = namespaces.open_namespace("self", kind)
    namespaces.setns(own, namespaces.FLAGS[kind])
    os.close(own)
    return fd
