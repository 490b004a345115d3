"""AppArmor and SELinux: what is said where there is none, and what is written where there is."""

from __future__ import annotations

import os

import pytest

from cuddy.errors import SystemFailure
from cuddy.kernel import lsm

here = pytest.mark.skipif(not lsm.has_apparmor(), reason="no AppArmor on this host")


@pytest.mark.skipif(lsm.has_apparmor(), reason="AppArmor is here")
def test_without_apparmor_no_profile_is_taken_for_one() -> None:
    with pytest.raises(SystemFailure, match="AppArmor is not enabled on this host"):
        lsm.check("mine", "")
    lsm.check("unconfined", "")  # everybody is


@pytest.mark.skipif(lsm.has_selinux(), reason="SELinux is here")
def test_without_selinux_no_label_is_taken_for_one() -> None:
    with pytest.raises(SystemFailure, match="selinux is disabled or not supported"):
        lsm.check("", "system_u:system_r:container_t:s0")


def test_a_label_is_announced_as_it_is() -> None:
    reading, writing = os.pipe()
    lsm.announce(writing, "", "system_u:system_r:container_t:s0")
    assert os.read(reading, 100) == b"system_u:system_r:container_t:s0"
    os.close(reading)
    os.close(writing)


def test_the_kernel_is_told_in_its_own_words() -> None:
    reading, writing = os.pipe()
    lsm.announce(writing, "my-profile")
    assert os.read(reading, 100) == b"exec my-profile"
    os.close(reading)
    os.close(writing)


def test_a_refusal_names_the_profile() -> None:
    fd = os.open("/dev/full", os.O_WRONLY)
    try:
        with pytest.raises(SystemFailure, match="cannot use the AppArmor profile mine"):
            lsm.announce(fd, "mine")
    finally:
        os.close(fd)


@here
def test_a_profile_that_is_not_loaded_is_an_error() -> None:
    proc_fd = lsm.open_proc()
    fd = lsm.open_attribute(proc_fd, "x")
    os.close(proc_fd)
    try:
        with pytest.raises(SystemFailure, match="cannot use the AppArmor profile"):
            lsm.announce(fd, "cuddy-tests-no-such-profile")
    finally:
        os.close(fd)
