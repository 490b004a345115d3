"""`images`, `history`, `image inspect`, `tag` and `rmi` print what the real docker printed.

The transcripts in tests/golden/images are docker's; how they were made is told in record.py. What
we print on standard output is compared byte for byte and exit codes are the same; errors are worded
in our own way, on one line.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import recorded
from cuddy import files
from cuddy.cli import document as documents_
from cuddy.engine import inspect_image
from cuddy.image.storage import Storage
from recorded import Exchange

pytestmark = pytest.mark.root

DIFFERENT: dict[str, str] = {
    # a command line of a transcript: why we answer something else
    **dict.fromkeys(
        ("history quay.io/acme/base:v1.2.3_rc", "history full:1", "history old:1",
         "image history old:1"),
        "docker leaves out layers that no step tells of",
    ),
    "images --tree": "not ours: docker 28 asks a newer dockerd for it",
    "images -f since=tool:local -f since=shop:1": "docker takes one of the two at random",
    **dict.fromkeys(
        ("history --platform linux/amd64 shop", "image inspect --platform linux/amd64 shop",
         "rmi --platform linux/amd64 old:1"),
        "the flag needs a newer dockerd; ours is asked in test_listing",
    ),
    **dict.fromkeys(
        ("image inspect -f {{.Nope}} shop", "image inspect -f {{.Config.Nope}} shop"),
        "docker prints the line that it has not filled before the error",
    ),
}  # fmt: skip


UNORDERED = ("images --format json --digests",)
"""Names of one image have no order with docker; these lines were kept in another than ours."""


def install_all(root: Path) -> None:
    for image in recorded.known():
        recorded.install(Storage(str(root / "root")), image)


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A root with all images, for commands that only look."""
    root = tmp_path_factory.mktemp("recorded")
    install_all(root)
    yield root
    files.remove_tree(str(root))


def line(exchange: Exchange) -> str:
    return " ".join(exchange.words)


def compare(root: Path, exchange: Exchange) -> None:
    result = recorded.ask(root, exchange.words, exchange.moment_ns)
    if line(exchange) in DIFFERENT:
        return
    if line(exchange) in UNORDERED:
        assert sorted(result.out.split("\n")) == sorted(exchange.out.split("\n")[:-1])
    else:
        assert result.stdout.decode() == exchange.out
    assert result.code == exchange.code, result.err
    assert bool(result.stderr) == bool(exchange.err), result.err
    assert all(each.startswith("cuddy: ") for each in result.err.splitlines())


SHOWING = ("images", "history")
LOOKING = [each for name in SHOWING for each in recorded.read(name)]


@pytest.mark.parametrize("exchange", LOOKING, ids=line)
def test_what_docker_shows_of_the_same_images(looked_at: Path, exchange: Exchange) -> None:
    compare(looked_at, exchange)


@pytest.mark.parametrize("name", ["tag", "rmi"])
def test_what_docker_makes_of_the_same_images(tmp_path: Path, name: str) -> None:
    install_all(tmp_path)
    for exchange in recorded.read(name):
        compare(tmp_path, exchange)
    shutil.rmtree(tmp_path / "root")


LEFT_OUT = ("Container", "ContainerConfig", "VirtualSize")
"""Fields of dockerd 20.10 that are not in those of 28."""


def documents(text: str) -> Any:
    """What was inspected, without what is of one machine only."""
    found = json.loads(text)
    for document in found:
        document["GraphDriver"] = document["Metadata"] = None
        for key in LEFT_OUT:
            document.pop(key, None)
        if not document["Config"]:
            document["Config"] = inspect_image.build_config({})  # docker says null: nothing to ask
    return found


def is_document(exchange: Exchange) -> bool:
    return exchange.out.startswith(("[\n    {", "[{"))


@pytest.mark.parametrize("exchange", recorded.read("inspect"), ids=line)
def test_what_docker_knows_of_the_same_images(looked_at: Path, exchange: Exchange) -> None:
    if not is_document(exchange):
        return compare(looked_at, exchange)
    result = recorded.ask(looked_at, exchange.words, exchange.moment_ns)
    ours, theirs = documents(result.out), documents(exchange.out)
    assert documents_.indented(ours) == documents_.indented(theirs)
    return None


def test_every_difference_is_one() -> None:
    names = (*SHOWING, "inspect", "tag", "rmi")
    lines = {line(each) for name in names for each in recorded.read(name)}
    assert set(DIFFERENT) <= lines
