"""Of which parts the view of a trial is made, for root and in a user namespace."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from cuddy.engine import trial_plan
from cuddy.engine.trial_plan import Kinds, Part
from cuddy.kernel.mount import MountPoint, contains

TREE = {
    "/": ["bin", "dev", "etc", "home", "proc", "run", "sys", "tmp", "var"],
    "/bin": [], "/dev": [], "/etc": ["passwd"], "/home": ["ann"], "/home/ann": [], "/proc": [],
    "/run": ["lock", "socket"], "/run/lock": [], "/sys": [], "/tmp": [], "/var": ["lib"],
    "/var/lib": ["cuddy"], "/var/lib/cuddy": [],
}  # fmt: skip
ASK = Kinds(
    TREE.__contains__,
    lambda path: TREE.get(path, []),
    lambda path: "bind" if path == "/run/socket" else "",
)
FSTYPES = {"/": "ext4", "/dev": "devtmpfs", "/proc": "proc", "/sys": "sysfs", "/run/lock": "tmpfs"}


def points(fstypes: dict[str, str]) -> list[MountPoint]:
    return [MountPoint(1, 1, "", "/", path, "", kind, "", "") for path, kind in fstypes.items()]


def kinds(parts: list[Part]) -> dict[str, str]:
    return {part.path: part.kind for part in parts}


def test_root_has_one_overlay_for_each_file_system() -> None:
    found = kinds(trial_plan.plan(points(FSTYPES), ASK, closed=("/var/lib/cuddy",)))
    assert {path for path, kind in found.items() if kind == "overlay"} == {"/", "/run/lock"}
    assert found["/proc"] == "bind"
    assert found["/proc/sys"] == found["/sys"] == found["/var/lib/cuddy"] == "frozen"
    assert found["/dev"] == "devices"
    assert list(found)[0] == "/"


def test_a_user_has_overlays_where_no_mount_is_below() -> None:
    found = kinds(
        trial_plan.plan(
            points(FSTYPES), ASK, closed=("/home/ann/cuddy",), own=("/home/ann",), splits=True
        )
    )
    assert {path for path, kind in found.items() if kind == "split"} == {"/", "/run"}
    overlaid = {path for path, kind in found.items() if kind == "overlay"}
    assert overlaid == {"/bin", "/etc", "/home", "/home/ann", "/run/lock", "/tmp", "/var"}
    assert found["/run/socket"] == "bind"
    assert found["/home/ann/cuddy"] == "frozen"
    assert "/etc/passwd" not in found


def test_what_may_not_be_read_has_in_it_what_is_mounted_there() -> None:
    fstypes = FSTYPES | {"/var/lib/cuddy": "ext4"}
    blind = ASK._replace(names=lambda path: [] if path.startswith("/var") else TREE.get(path, []))
    found = kinds(trial_plan.plan(points(fstypes), blind, closed=(), splits=True))
    assert found["/var"] == found["/var/lib"] == "split"
    assert found["/var/lib/cuddy"] == "overlay"


PATHS = st.lists(st.sampled_from(sorted(TREE)), max_size=6)


@given(PATHS, PATHS, PATHS, st.booleans())
def test_every_part_comes_once_and_after_what_it_lies_in(
    mounted: list[str], closed: list[str], own: list[str], splits: bool
) -> None:
    fstypes = {"/": "ext4"} | {path: FSTYPES.get(path, "ext4") for path in mounted}
    closed = [path for path in closed if path != "/"]
    parts = trial_plan.plan(points(fstypes), ASK, closed=closed, own=own, splits=splits)
    seen: list[str] = []
    for part in parts:
        assert part.path not in seen
        assert not any(contains(part.path, other) for other in seen)
        assert part.path == "/" or any(contains(other, part.path) for other in seen)
        seen.append(part.path)
        if splits and part.kind == "overlay":
            below = [path for path in fstypes if path != part.path and contains(part.path, path)]
            assert below == []
    assert {part.path for part in parts if part.number} == {
        part.path for part in parts if part.kind in ("overlay", "split")
    }
    assert all(os.path.isabs(path) for path in seen)
