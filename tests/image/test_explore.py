"""What makes an image large, and what of it nobody sees."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import images
from console import ENGINE, Cuddy
from cuddy.cli.width import width
from cuddy.errors import NotFound
from cuddy.image import diff, explore, history, index, snapshots, stack, store
from cuddy.image.explore import Item, Report
from cuddy.image.storage import Storage

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(ENGINE != "cuddy", reason="images are put into cuddy's own store"),
]


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "store"))


def install(storage: Storage, *layers: list, name: str = "x", **fields: object) -> store.Image:
    made = [images.layer(images.tar(*members), "") for members in layers]
    return images.install(storage, images.image(made, **fields), name)


def read(
    storage: Storage, image: store.Image, *within: bytes, depth: int = 2, limit: int = 10
) -> Report:
    return explore.explore(storage, image, within, depth=depth, limit=limit)


def lines(items: list[Item]) -> list[str]:
    return [f"{item.letter or '-'} {item.path.decode()} {item.size_bytes}" for item in items]


entry, link = images.entry, images.link


def test_what_a_layer_adds_is_summed_up_for_directories(storage: Storage) -> None:
    image = install(
        storage,
        [
            entry("usr/"),
            entry("usr/lib/"),
            entry("usr/lib/a", b"x" * 100),
            entry("usr/b", b"x" * 9),
        ],
    )
    [layer] = read(storage, image).layers
    assert lines(layer.items) == ["A usr 109", "A usr/lib 100", "A usr/lib/a 100", "A usr/b 9"]
    assert (layer.added_bytes, layer.files) == (109, 2)


def test_directories_below_the_depth_count_for_those_above(storage: Storage) -> None:
    image = install(storage, [entry("a/b/c/d", b"x" * 7), entry("a/b/c/e", b"x" * 5)])
    [layer] = read(storage, image, depth=1).layers
    assert lines(layer.items) == ["A a 12", "A a/b/c/d 7", "A a/b/c/e 5"]


def test_only_the_largest_are_shown_and_all_are_counted(storage: Storage) -> None:
    image = install(storage, [entry(f"{n:03}", b"x" * n) for n in range(1, 101)])
    [layer] = read(storage, image, limit=3).layers
    assert lines(layer.items) == ["A 100 100", "A 099 99", "A 098 98"]
    assert (layer.added_bytes, layer.files) == (5050, 100)
    assert len(read(storage, image, limit=-1).layers[0].items) == 100


def test_what_is_changed_or_removed_is_wasted(storage: Storage) -> None:
    image = install(
        storage,
        [
            entry("opt/"),
            entry("opt/a", b"x" * 100),
            entry("opt/b", b"x" * 50),
            entry("c", b"x" * 7),
        ],
        [entry("c", b"y" * 8), entry(".wh.opt", b"")],
        [entry("opt/"), entry("opt/new", b"z" * 3)],
    )
    report = read(storage, image)
    assert lines(report.layers[1].items) == ["C c 8"]
    assert lines(report.layers[1].removed) == ["D opt 150"]
    assert report.layers[1].removed[0].files == 2
    assert lines(report.layers[2].items) == ["A opt 3", "A opt/new 3"]
    assert (report.hidden_bytes, report.hidden_files) == (157, 3)
    assert lines(report.hidden) == ["D opt/a 100", "D opt/b 50", "C c 7"]


def test_files_that_are_there_again_for_their_mode_alone(storage: Storage) -> None:
    image = install(
        storage,
        [entry("a", b"x" * 100, mtime=5), entry("b", b"x" * 10, mtime=5),
         entry("c", b"1", mtime=5)],
        [entry("a", b"x" * 100, mtime=5, mode=0o600), entry("b", b"y" * 10, mtime=6, mode=0o600),
         entry("c", b"1", mtime=5)],
    )  # fmt: skip
    top = read(storage, image).layers[1]
    assert [item.is_touched for item in top.items] == [True, False, False]
    assert top.touched_bytes == 100


def test_an_opaque_directory_hides_what_was_in_it(storage: Storage) -> None:
    image = install(
        storage,
        [entry("d/"), entry("d/old", b"x" * 10), entry("d/kept", b"x" * 5)],
        [entry("d/"), entry("d/.wh..wh..opq", b""), entry("d/kept", b"y" * 6)],
    )
    top = read(storage, image).layers[1]
    assert lines(top.items) == ["- d 6", "C d/kept 6"]
    assert lines(top.removed) == ["D d/old 10"]
    assert top.hidden_bytes == 15


def test_a_directory_that_becomes_a_file(storage: Storage) -> None:
    image = install(storage, [entry("d/"), entry("d/in", b"x" * 10)], [entry("d", b"file")])
    top = read(storage, image).layers[1]
    assert lines(top.items) == ["C d 4"]
    assert lines(top.removed) == ["D d 10"]


def test_a_file_with_two_names_is_there_once(storage: Storage) -> None:
    image = install(
        storage,
        [entry("a", b"x" * 100), link("b", "a", hard=True)],
        [entry(".wh.a", b"")],
        [entry(".wh.b", b"")],
    )
    report = read(storage, image)
    assert report.layers[0].added_bytes == image.size_bytes == 100
    assert report.layers[1].hidden_bytes == 0, "the other name shows it yet"
    assert report.layers[2].hidden_bytes == report.hidden_bytes == 100


def test_a_path_restricts_the_view(storage: Storage) -> None:
    image = install(
        storage,
        [entry("usr/lib/a", b"x" * 100), entry("usr/bin/b", b"x" * 50)],
        [entry(".wh.usr", b"")],
    )
    report = read(storage, image, b"usr", b"lib")
    assert lines(report.layers[0].items) == ["A usr/lib 100", "A usr/lib/a 100"]
    assert report.hidden_bytes == 100
    assert lines(read(storage, image, b"usr", b"bin", b"b").layers[0].items) == ["A usr/bin/b 50"]
    with pytest.raises(NotFound, match="anything at /usr/nope"):
        read(storage, image, b"usr", b"nope")


def test_a_link_in_the_path_leads_nowhere(storage: Storage) -> None:
    image = install(storage, [link("out", "/"), link("self", "self"), entry("etc/x", b"1")])
    for name in (b"out", b"self", b".."):
        with pytest.raises(NotFound):
            read(storage, image, name, b"etc")


def test_a_tree_deeper_than_python_s_recursion(storage: Storage) -> None:
    path = "/".join(["n"] * 1100)
    image = install(storage, [entry(f"{path}/f", b"deep")], [entry(".wh.n", b"")])
    report = read(storage, image, depth=3)
    assert lines(report.layers[0].items)[:3] == ["A n 4", "A n/n 4", "A n/n/n 4"]
    assert lines(report.layers[1].removed) == ["D n 4"]
    other = install(storage, [], name="empty")
    assert len(list(diff.diff(storage, other, image))) == 0
    whole = install(storage, [entry(f"{path}/f", b"deep")], name="whole")
    assert len(list(diff.diff(storage, other, whole))) == 1101


def test_an_image_that_is_removed_meanwhile(storage: Storage) -> None:
    image = install(storage, [entry("d/"), entry("d/a", b"x"), entry("e", b"y")])
    other = install(storage, [entry("z", b"x")], name="z")
    with stack.Stack(storage, image.chain_ids) as opened:
        walking = stack.walk(opened)
        next(walking)
        snapshots.delete(storage, image.chain_ids[0])
        with pytest.raises(NotFound, match="removed while it was read"):
            list(walking)
        with pytest.raises(NotFound):
            opened.confirm()
    for read_all in (lambda: read(storage, image), lambda: list(diff.diff(storage, other, image))):
        with pytest.raises(NotFound, match="removed while it was read"):
            read_all()


def test_layers_whose_sizes_nobody_noted_are_measured(storage: Storage) -> None:
    image = images.install(storage, images.busybox(), "busybox")
    again = install(
        storage,
        [entry("a", b"x" * 10), entry("a", b"y" * 7), link("b", "a", hard=True), link("c", "four")],
    )
    assert again.size_bytes == 11, "what a later entry replaced is not there"
    for found in (image, again):
        for noted in ("", "1,2,3", "x", "-5", "9" * 30):
            bare = found._replace(manifest=index.annotate(found.manifest, index.SIZES, noted))
            assert sum(history.layer_sizes(storage, bare)) == found.size_bytes


def test_sums_are_those_of_the_image(storage: Storage) -> None:
    image = images.install(storage, images.busybox(), "busybox")
    [layer] = read(storage, image).layers
    assert layer.added_bytes == image.size_bytes


class TestCommand:
    def install(self, cuddy: Cuddy, *layers: list, name: str = "x", **fields: object) -> None:
        install(Storage(str(cuddy.root)), *layers, name=name, **fields)

    def test_what_it_prints(self, fresh: Cuddy) -> None:
        self.install(
            fresh,
            [entry("opt/"), entry("opt/big", b"x" * 2000), entry("etc/conf", b"x" * 10)],
            [entry("opt/.wh.big", b""), entry("etc/conf", b"y" * 12)],
            history=[{"created_by": "COPY . /"}, {"created_by": "RUN rm /opt/big"}],
        )
        text = fresh.ok("image", "explore", "x")
        assert text.partition("\n")[2].splitlines() == [
            "",
            "Layer 1: 2.01kB in 2 files",
            "COPY . /",
            "      2kB  A  opt/  (1 file)",
            "      2kB  A    big",
            "      10B  A  etc/  (1 file)",
            "      10B  A    conf",
            "",
            "Layer 2: 12B in 1 file, hides 2.01kB",
            "RUN rm /opt/big",
            "      12B     etc/  (1 file)",
            "      12B  C    conf  (was 10B)",
            "     -2kB  D  opt/big",
            "",
            "Wasted: 2.01kB in 2 files that later layers change or remove",
            "      2kB  D  opt/big",
            "      10B  C  etc/conf",
        ]

    def test_one_layer_as_a_document(self, fresh: Cuddy) -> None:
        self.install(fresh, [entry("a", b"x")], [entry("b", b"yy")])
        found = json.loads(fresh.ok("image", "explore", "--layer", "2", "--format", "json", "x"))
        assert [layer["Layer"] for layer in found["Layers"]] == [2]
        assert found["Layers"][0]["Added"] == 2
        result = fresh("image", "explore", "--layer", "3", "x")
        assert result.code == 125
        assert "there is no layer 3" in result.complaint

    def test_hostile_names_are_shown_escaped(self, fresh: Cuddy) -> None:
        name = "a\x1b]0;mine\x07\n\u202e\udcff"
        self.install(fresh, [entry(name, b"x")], history=[{"created_by": "\x1b[2J\n" * 50}])
        for words in (("image", "explore", "x"), ("image", "diff", "alpine", "x")):
            text = fresh.ok(*words)
            assert "\x1b" not in text
            assert r"a\x1b]0;mine\a\n\u202e\xff" in text
        document = json.loads(fresh("image", "explore", "x", "--format", "json").stdout)
        assert document["Layers"][0]["Largest"][0]["Path"] == "/a\x1b]0;mine\x07\n\u202e\ufffd"

    def test_lines_fit_a_terminal(self, fresh: Cuddy) -> None:
        path = f"usr/share/{'long' * 30}/{'日本' * 40}/name"
        self.install(fresh, [entry(path, b"x")], history=[{"created_by": "RUN " * 99}])
        lines = fresh.ok("image", "explore", "x").splitlines()
        assert max(map(width, lines)) < 80
        assert lines[-1].endswith("本/name")
        text = fresh.ok("image", "explore", "--no-trunc", "x")
        assert "RUN " * 90 in text
        assert path.removeprefix("usr/share/") in text

    def test_a_layer_that_only_changed_modes_says_so(self, fresh: Cuddy) -> None:
        self.install(fresh, [entry("a", b"x" * 100)], [entry("a", b"x" * 100, mode=0o600)])
        lines = fresh.ok("image", "explore", "--layer", "2", "x").splitlines()
        assert lines[2:4] == [
            "Layer 2: 100B in 1 file, hides 100B, 100B only for another mode or owner",
            "     100B  C  a  (mode or owner)",
        ]

    def test_the_host_has_no_layers(self, fresh: Cuddy) -> None:
        assert "0 layers" in fresh.ok("image", "explore", "host")
