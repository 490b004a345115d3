"""How two images differ: files by metadata and content, settings by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import images
from console import ENGINE, Cuddy
from cuddy.image import diff, merged, stack, store
from cuddy.image.diff import Setting
from cuddy.image.storage import Storage

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(ENGINE != "cuddy", reason="images are put into cuddy's own store"),
]


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "store"))


entry, link = images.entry, images.link


def install(storage: Storage, name: str, *layers: list, **config: Any) -> store.Image:
    made = [images.layer(images.tar(*members), "") for members in layers]
    return images.install(storage, images.image(made, config=config), name)


def letters(storage: Storage, one: store.Image, other: store.Image) -> list[str]:
    return [f"{d.letter} {d.path.decode()}" for d in diff.diff(storage, one, other)]


def test_added_deleted_and_changed(storage: Storage) -> None:
    one = install(storage, "a", [entry("d/"), entry("d/gone", b"1"), entry("same", b"2")])
    other = install(storage, "b", [entry("same", b"3x"), entry("new/"), entry("new/x", b"")])
    assert letters(storage, one, other) == ["D d", "D d/gone", "A new", "A new/x", "C same"]
    assert letters(storage, other, one) == ["A d", "A d/gone", "D new", "D new/x", "C same"]
    assert letters(storage, one, one) == []


@pytest.mark.parametrize(
    ("before", "after", "differs"),
    [
        ({}, {}, False),
        ({"mtime": 5}, {"mtime": 6}, False),
        ({"mode": 0o644}, {"mode": 0o600}, True),
        ({"uid": 1}, {"uid": 2}, True),
        ({"gid": 1}, {"gid": 2}, True),
    ],
)
def test_metadata(storage: Storage, before: Any, after: Any, differs: bool) -> None:
    one = install(storage, "a", [entry("f", b"x", **before), entry("1", b"")])
    other = install(storage, "b", [entry("f", b"x", **after), entry("1", b"")])
    assert letters(storage, one, other) == (["C f"] if differs else [])


@pytest.mark.parametrize("mtime", [1, 2])
def test_contents_of_one_size_are_read(storage: Storage, mtime: int) -> None:
    one = install(storage, "a", [entry("f", b"x" * 600_000 + b"1", mtime=1), link("l", "here")])
    last = entry("f", b"x" * 600_000 + b"2", mtime=mtime)
    other = install(storage, "b", [last, link("l", "nope")])
    assert letters(storage, one, other) == ["C f", "C l"]


def test_a_fifo_in_a_file_s_place_is_not_read(storage: Storage) -> None:
    import tarfile

    def fifo(mtime: int) -> Any:
        return entry("f", type=tarfile.FIFOTYPE, mode=0o644, mtime=mtime)

    one, other = install(storage, "a", [fifo(1)]), install(storage, "b", [fifo(2)])
    third = install(storage, "c", [entry("f", b"", mtime=3)])
    assert letters(storage, one, other) == []
    assert letters(storage, one, third) == ["C f"]


class Watched(stack.Stack):
    """Layers that tell which directories were read."""

    read: set[bytes]

    def parts(self, path: bytes, place: merged.Place) -> list[merged.Part]:
        self.read = {*getattr(self, "read", ()), path}
        return super().parts(path, place)


def test_layers_that_both_have_are_not_read(storage: Storage) -> None:
    names = ("usr/", "usr/lib/", "etc/")
    base = [*map(entry, names), entry("usr/lib/x", b"1"), entry("etc/y", b"2")]
    one = install(storage, "a", base, [entry("etc/y", b"3")])
    other = install(storage, "b", base, [entry("etc/z", b"4")])
    with Watched(storage, one.chain_ids) as left, Watched(storage, other.chain_ids) as right:
        found = [(each.letter, each.path) for each in diff.Comparison(left, right).run()]
        assert found == [("C", b"etc/y"), ("A", b"etc/z")]
        assert left.read == right.read == {b"", b"etc"}


def test_whiteouts_and_what_comes_back(storage: Storage) -> None:
    base = [entry("d/"), entry("d/a", b"1"), entry("d/b", b"2")]
    one = install(storage, "a", base)
    other = install(storage, "b", base, [entry(".wh.d", b"")], [entry("d/"), entry("d/b", b"2")])
    assert letters(storage, one, other) == ["D d/a"]


def test_settings_are_compared_one_by_one() -> None:
    one: Any = {"architecture": "amd64", "config": {
        "Env": ["A=1", "B=2"], "Labels": {"x": "1", "same": ""}, "Cmd": ["sh"],
        "ExposedPorts": {"80/tcp": {}}, "Volumes": {"/v": {}}}}  # fmt: skip
    other: Any = {"architecture": "arm64", "config": {
        "Env": ["B=3", "C=4"], "Labels": {"x": "2", "same": ""}, "Cmd": ["bash"], "User": "me",
        "Volumes": {"/v": None}}}  # fmt: skip
    assert diff.settings(one, other) == [
        Setting("Config.Cmd", ["sh"], ["bash"]),
        Setting("Config.Env A", "1", None),
        Setting("Config.Env B", "2", "3"),
        Setting("Config.Env C", None, "4"),
        Setting("Config.ExposedPorts 80/tcp", "", None),
        Setting("Config.Labels x", "1", "2"),
        Setting("Config.User", None, "me"),
        Setting("architecture", "amd64", "arm64"),
    ]
    assert diff.settings(one, one) == []
    assert diff.settings({"architecture": "x", "config": None}, {"architecture": "x"}) == []  # type: ignore[typeddict-item]


class TestCommand:
    def test_what_it_prints(self, fresh: Cuddy) -> None:
        storage = Storage(str(fresh.root))
        install(storage, "a", [entry("etc/"), entry("etc/x", b"x" * 2000), entry("old", b"")])
        install(storage, "b", [entry("etc/"), entry("etc/x", b"y"), entry("d/")], User="me")
        assert fresh.ok("image", "diff", "a", "b").splitlines() == [
            'A  Config.User: "me"',
            "A                      /d/",
            "C       2kB        1B  /etc/x",
            "D        0B            /old",
        ]
        assert fresh.ok("image", "diff", "-q", "a", "b").splitlines() == [
            "A /d", "C /etc/x", "D /old",
        ]  # fmt: skip
        rows = [
            json.loads(row)
            for row in fresh.ok("image", "diff", "--format", "json", "a", "b").splitlines()
        ]
        assert [row["Kind"] for row in rows] == ["setting", "path", "path", "path"]
        assert rows[2]["After"] == {"Mode": "100644", "Owner": "0:0", "Size": 1}
        form = "{{.Change}}{{.Name}}"
        assert fresh.ok("image", "diff", "-q", "--format", form, "a", "b").split() == [
            "A/d", "C/etc/x", "D/old",
        ]  # fmt: skip

    def test_an_image_that_is_not_there(self, fresh: Cuddy) -> None:
        assert fresh("image", "diff", "alpine", "nosuch").code == 1

    def test_all_of_an_image_against_the_host_which_has_no_layers(self, fresh: Cuddy) -> None:
        assert "A /bin" in fresh.ok("image", "diff", "-q", "host", "alpine").splitlines()
