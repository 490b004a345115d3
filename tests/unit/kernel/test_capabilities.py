"""Capability names, masks and what a process has of them."""

from __future__ import annotations

import pytest

from cuddy.kernel import capabilities


def test_names_are_numbered_as_the_kernel_does() -> None:
    assert capabilities.NUMBERS["CAP_CHOWN"] == 0
    assert capabilities.NUMBERS["CAP_SYS_ADMIN"] == 21
    assert capabilities.NUMBERS["CAP_CHECKPOINT_RESTORE"] == 40


def test_dockers_default_set_has_dockers_mask() -> None:
    short = (
        "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP "
        "NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE"
    )
    names = {f"CAP_{name}" for name in short.split()}
    assert capabilities.to_mask(names) == 0xA80425FB
    assert capabilities.from_mask(0xA80425FB) == names


def test_a_bit_without_a_name_is_left_out() -> None:
    assert capabilities.from_mask(1 << 63 | 1) == {"CAP_CHOWN"}


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(KeyError, match="CAP_WARP"):
        capabilities.to_mask(["CAP_WARP"])
