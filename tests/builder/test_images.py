"""Images that are built: squashed, without what was unset, annotated, equal on all machines."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import images
from builder.steps import look
from cuddy.builder import build
from cuddy.builder.options import BuildOptions
from cuddy.engine import home as homes
from cuddy.engine.home import Home
from cuddy.image import check, garbage, index, snapshots, store, verify
from cuddy.image.store import Image

pytestmark = pytest.mark.root

BASE = {
    "Env": ["PATH=/bin", "JAVA_HOME=/java"], "Cmd": ["sh"], "Entrypoint": ["/init"],
    "ExposedPorts": {"80/tcp": {}, "53/udp": {}}, "Volumes": {"/data": {}, "/a": {}},
    "Labels": {"vendor": "x", "a": "b"}, "User": "1000",
}  # fmt: skip


def make_home(path: Path) -> Home:
    """A Home with an image called base in it."""
    home = homes.open_home(str(path / "root"), str(path / "run"))
    built = images.image(
        [images.layer(images.tar(images.entry("etc/"), images.entry("etc/motd", b"hello")))],
        config=BASE,
    )
    images.install(home.storage, built, "base")
    return home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path)


@pytest.fixture
def context(tmp_path: Path) -> Path:
    directory = tmp_path / "context"
    directory.mkdir()
    for name in ("one", "two"):
        (directory / name).write_text(name)
    return directory


def make(home: Home, context: Path, *lines: str, **options: Any) -> Image:
    (context / "Dockerfile").write_text("\n".join(lines) + "\n")
    asked = BuildOptions(context=str(context), **options)
    built = build.build(home, asked, tell=lambda event: None)
    assert os.listdir(home.tmp_dir) == []
    return store.resolve(home.storage, built.image_id)


STEPS = ("FROM base", "COPY one /", "LABEL b=c", "COPY two /etc/motd", "COPY one /three")


class TestSquash:
    def test_what_was_built_is_one_layer(self, home: Home, context: Path) -> None:
        plain, squashed = (make(home, context, *STEPS, squash=each) for each in (False, True))
        assert len(plain.chain_ids) == 4
        assert len(squashed.chain_ids) == 2
        assert squashed.chain_ids[0] == plain.chain_ids[0]
        assert squashed.config["config"] == plain.config["config"]

        def content(root: Path) -> dict[str, bytes]:
            return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*[!c]")}

        assert look(home.storage, squashed.chain_ids, content) == look(
            home.storage, plain.chain_ids, content
        )

    def test_the_history_tells_of_all_steps(self, home: Home, context: Path) -> None:
        history = make(home, context, *STEPS, squash=True).config["history"]
        assert [bool(each.get("empty_layer")) for each in history] == [
            False, True, True, True, True, False,
        ]  # fmt: skip
        assert history[-1]["comment"] == "merge of 3 layers"

    def test_an_unchanged_build_is_the_same_image(self, home: Home, context: Path) -> None:
        first = make(home, context, *STEPS, squash=True)
        assert make(home, context, *STEPS, squash=True).id == first.id


class TestUnset:
    def test_what_a_base_says_is_gone(self, home: Home, context: Path) -> None:
        wanted = ("volume,expose", "entrypoint,cmd", "env=JAVA_HOME", "label=vendor", "user")
        image = make(home, context, "FROM base", "ENV B=c", unset=wanted)
        assert image.config["config"] == {"Env": ["PATH=/bin", "B=c"], "Labels": {"a": "b"}}

    def test_a_path_is_always_there(self, home: Home, context: Path) -> None:
        image = make(home, context, "FROM base", unset=("env",))
        (only,) = (image.config.get("config") or {}).get("Env") or ()
        assert only.startswith("PATH=/usr/local/sbin:")

    def test_what_the_dockerfile_says_itself_stays(self, home: Home, context: Path) -> None:
        image = make(home, context, "FROM base", "VOLUME /mine", unset=("volume",))
        assert (image.config.get("config") or {}).get("Volumes") == {"/mine": {}}


def annotations_of(home: Home, image: Image) -> dict[str, str]:
    return index.manifest(home.storage, image.manifest).get("annotations") or {}


def test_annotations_are_the_manifests(home: Home, context: Path) -> None:
    plain = make(home, context, *STEPS)
    assert annotations_of(home, plain) == {}
    wanted = {"annotations": ("b=1", "manifest:a=2"), "tags": ("noted", "again")}
    noted = make(home, context, *STEPS, **wanted)
    for name in wanted["tags"]:
        assert annotations_of(home, store.resolve(home.storage, name)) == {"a": "2", "b": "1"}
    assert make(home, context, *STEPS, **wanted).id == noted.id
    assert annotations_of(home, make(home, context, *STEPS)) == {}


def test_names_in_a_config_are_sorted(home: Home, context: Path) -> None:
    one = make(home, context, "FROM scratch", "LABEL a=1 b=2", "EXPOSE 80", "CMD x", timestamp=5)
    other = make(home, context, "FROM scratch", "LABEL b=2", "LABEL a=1", timestamp=5)
    assert list(one.config["config"] or {}) == [
        "ExposedPorts",
        "Env",
        "Cmd",
        "WorkingDir",
        "Labels",
    ]
    assert list((other.config.get("config") or {})["Labels"] or {}) == ["a", "b"]


@pytest.mark.parametrize("options", [{}, {"squash": True}])
@pytest.mark.parametrize(
    "told", [{"timestamp": 1_600_000_000}, {"build_args": ("SOURCE_DATE_EPOCH=1600000000",)}]
)
def test_two_machines_make_the_same_image(
    tmp_path: Path, context: Path, told: dict[str, Any], options: dict[str, Any]
) -> None:
    found = set()
    for name in ("first", "second"):
        home = make_home(tmp_path / name)
        os.utime(context / "one")
        image = make(home, context, *STEPS, "WORKDIR /new/one", **told, **options)
        assert image.config["created"] == "2020-09-13T12:26:40.000000000Z"
        found.add((image.id, image.manifest["digest"]))
    assert len(found) == 1


def test_every_layer_is_what_its_blob_unpacks_to(home: Home, context: Path, tmp_path: Path) -> None:
    image = make(home, context, *STEPS, "WORKDIR /new")
    listed = index.manifest(home.storage, image.manifest)["layers"]
    diff_ids = image.config["rootfs"]["diff_ids"]
    for number, (blob, diff_id) in enumerate(zip(listed, diff_ids)):
        aside = str(tmp_path / f"aside{number}")
        below = image.chain_ids[:number]
        verify.unpack_again(home.storage, blob["digest"], diff_id, below, aside)
        there = snapshots.path(home.storage, image.chain_ids[number])
        assert verify.difference(there, aside) == ""


PROGRAMS = (
    "chown -R 0:0 /etc /bin /usr && chmod -R u+rw /etc",
    "mkdir -p /a/b && cp -a /etc/. /a/b && ln /etc/motd /motd && ln -s nowhere /a/link",
    "mv /a/b /a/c && rm -rf /media /usr/local && mkdir /media && touch /media/.wh.x /media/y",
    "rm /media/y && mkfifo /media/pipe && sed -i s/W/w/ /etc/motd && rm -rf /home && touch /home",
    "rm /home && mkdir /home && touch -d @5 /etc/passwd && mknod /dev/null2 c 1 3",
    "true", "touch /tmp/x && rm /tmp/x",
)  # fmt: skip
"""What programs do to a root."""


@pytest.mark.parametrize("options", [{}, {"squash": True}, {"timestamp": 1_700_000_000}])
def test_a_check_finds_nothing_to_repair(
    home: Home, context: Path, options: dict[str, Any]
) -> None:
    images.install(home.storage, images.busybox(), "busybox")
    image = make(
        home, context, "FROM busybox AS first", *(f"RUN {each}" for each in PROGRAMS),
        "FROM first", "COPY --from=first /motd /", "WORKDIR /new", network="none", **options,
    )  # fmt: skip
    assert len(image.chain_ids) == (2 if options.get("squash") else 6)
    assert [each for each in check.Examination(home.storage, None).run() if each.is_broken] == []
    found, broken = garbage.nameless(home.storage, ())
    assert not found.layers and not broken
