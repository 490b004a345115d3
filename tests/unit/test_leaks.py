"""The detector itself: it must see each kind of thing it promises to see."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from leaks import Detector

pytestmark = [pytest.mark.root]


@pytest.fixture
def detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Detector]:
    monkeypatch.setattr("leaks.GRACE_S", 0.0)
    detector = Detector()
    detector.watch(tmp_path / "root", tmp_path / "run")
    yield detector
    detector.close()


def test_a_quiet_test_leaks_nothing(detector: Detector) -> None:
    assert detector.leaks(detector.take()) == []


def test_a_mount_is_seen(detector: Detector, tmp_path: Path) -> None:
    before = detector.take()
    subprocess.run(["mount", "-t", "tmpfs", "none", tmp_path], check=True)
    (found,) = detector.leaks(before)
    subprocess.run(["umount", tmp_path], check=True)
    assert found.startswith(f"mount left behind: {tmp_path} (tmpfs none")


def test_a_process_is_seen_by_its_command(detector: Detector) -> None:
    before = detector.take()
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", "input()"], stdin=-1) as process:
        found = [line for line in detector.leaks(before) if line.startswith("process")]
        process.kill()
    assert len(found) == 1
    assert "-c input()" in found[0]


def test_a_link_and_a_table_with_all_in_it_are_seen(detector: Detector) -> None:
    before = detector.take()
    subprocess.run(["ip", "link", "add", "leak0", "type", "veth", "peer", "leak1"], check=True)
    subprocess.run(["nft", "add table inet leak; add chain inet leak c"], check=True)
    subprocess.run(["nft", "add rule inet leak c accept"], check=True)
    subprocess.run(
        ["nft", "add set inet leak s { type inet_service; elements = { 80 }; }"], check=True
    )
    found = detector.leaks(before)
    subprocess.run(["nft", "delete table inet leak"], check=True)
    subprocess.run(["ip", "link", "delete", "leak0"], check=True)
    assert [line.split(" handle ")[0] for line in found] == [
        "link left behind: leak0",
        "link left behind: leak1",
        "nftables left behind: chain 1 leak c",
        "nftables left behind: element 1 leak s 00500000",
        "nftables left behind: rule 1 leak c",
        "nftables left behind: set 1 leak s",
        "nftables left behind: table 1 leak",
    ]


def test_a_missing_mount_is_seen(detector: Detector, tmp_path: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "none", tmp_path], check=True)
    before = detector.take()
    subprocess.run(["umount", tmp_path], check=True)
    (found,) = detector.leaks(before)
    assert found.startswith("mount gone that was there before")


def test_a_container_left_in_the_home_is_seen(detector: Detector, tmp_path: Path) -> None:
    before = detector.take()
    (tmp_path / "root/containers" / ("a" * 64)).mkdir()
    (tmp_path / "run").mkdir()
    found = detector.leaks(before)
    assert found == [
        f"file left behind: {tmp_path}/root/containers/{'a' * 64}",
        f"file left behind: {tmp_path}/run",
    ]


def test_a_cgroup_is_ours_if_its_container_was_in_our_home(
    detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = "a" * 64, "b" * 64
    (tmp_path / "root/containers" / ours).mkdir()
    (tmp_path / "root/containers" / ours).rmdir()
    before = detector.take()
    new = {f"/cg/cuddy/{ours}", f"/cg/cuddy/{theirs}", "/cg/cuddy-else"}
    monkeypatch.setattr("leaks.cgroups", lambda: iter(new))
    assert detector.leaks(before) == [
        "cgroup left behind: /cg/cuddy-else",
        f"cgroup left behind: /cg/cuddy/{ours}",
    ]


def test_an_open_descriptor_is_seen(detector: Detector) -> None:
    before = detector.take()
    fd = os.open("/dev/null", os.O_RDONLY)
    found = detector.leaks(before)
    os.close(fd)
    assert found == [f"descriptor left behind: {fd} -> /dev/null"]
