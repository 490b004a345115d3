"""How config.json has a container's mounts."""

from __future__ import annotations

from typing import Any

import pytest

from cuddy.engine import mount_entries, mounts
from cuddy.engine.home import Home
from cuddy.engine.options import ContainerOptions


def plan(**options: Any) -> dict[str, Any]:
    """The mount points of such a container, by destination."""
    found = mounts.plan(Home(), ContainerOptions("image", **options), ())
    return {point["Destination"]: point for point in found}


@pytest.mark.parametrize(
    ("spec", "options"),
    [
        ({}, ["rbind", "rprivate"]),
        ({"ReadOnly": True}, ["rbind", "rprivate", "rro"]),
        ({"BindOptions": {"NonRecursive": True}}, ["bind", "rprivate"]),
        (
            {"ReadOnly": True, "BindOptions": {"ReadOnlyNonRecursive": True}},
            ["rbind", "rprivate", "ro"],
        ),
        (
            {"ReadOnly": True,
             "BindOptions": {"ReadOnlyForceRecursive": True, "Propagation": "rslave"}},
            ["rbind", "rslave", "rro"],
        ),
    ],
)  # fmt: skip
def test_binds(spec: dict[str, Any], options: list[str]) -> None:
    whole = {"Type": "bind", "Source": "/a", "Target": "/b"} | spec
    entry = mount_entries.build_entry(plan(mounts=(whole,))["/b"])
    assert entry == {
        "destination": "/b", "type": "bind", "source": "/a", "options": options,
    }  # fmt: skip


def test_a_tmpfs_is_closed_unless_asked_otherwise() -> None:
    entry = mount_entries.tmpfs_entry("/t", "exec,size=1m")
    assert entry["options"] == ["nosuid", "nodev", "noexec", "exec", "size=1m"]


@pytest.mark.parametrize(
    ("volumes", "propagation"),
    [
        (("/a:/b",), ""),
        (("/a:/b:rslave",), "rslave"),
        (("/a:/b:rslave", "/a:/c:shared"), "shared"),
    ],
)
def test_the_root_hears_of_what_a_mount_is_to_hear(
    volumes: tuple[str, ...], propagation: str
) -> None:
    assert mount_entries.root_propagation(plan(volumes=volumes).values()) == propagation  # type: ignore[arg-type]
