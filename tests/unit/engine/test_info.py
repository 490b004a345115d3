"""What is known of the engine and the host."""

from __future__ import annotations

from typing import Any

from cuddy.engine import info
from cuddy.engine.home import Home


def test_an_engine_keeps_its_id_and_shares_it_with_no_other() -> None:
    ids = [info.engine_id(Home(root, "/run/x")) for root in ("/a", "/a", "/b")]
    assert ids[0] == ids[1] != ids[2]
    assert [len(part) for part in ids[0].split("-")] == [8, 4, 4, 4, 12]


def test_warnings_name_what_the_kernel_cannot_do() -> None:
    found: dict[str, Any] = {
        "MemoryLimit": True, "SwapLimit": False, "CPUShares": True, "CpuCfsQuota": True,
        "CPUSet": True, "PidsLimit": True, "IPv4Forwarding": False,
    }  # fmt: skip
    assert info.warnings(found) == [
        "WARNING: No swap limit support",
        "WARNING: IPv4 forwarding is disabled",
    ]
    assert info.warnings(dict.fromkeys(found, True)) is None


def test_a_path_is_on_the_innermost_file_system() -> None:
    assert info.filesystem_of("/proc/self") == "proc"
