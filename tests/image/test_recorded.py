"""`images`, `history`, `image inspect`, `tag` and `rmi` print what the real docker printed.

The transcripts in tests/golden/images are docker's; how they were made is told in record.py. What
we print on standard output is compared byte for byte and exit codes are the same; errors are worded
in our own way, on one line.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import recorded
from cuddy import files
from cuddy.image.storage import Storage
from recorded import Exchange

pytestmark = pytest.mark.root

DIFFERENT: dict[str, str] = {
    # a command line of a transcript: why we answer something else
    **dict.fromkeys(
        ("history quay.io/acme/base:v1.2.3_rc", "history full:1", "history old:1",
         "image history old:1"),
        "docker does not show layers that the config's history leaves out",
    ),
    "history --platform linux/amd64 shop": "needs a newer dockerd; ours is asked in test_history",
}  # fmt: skip


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
    assert result.stdout.decode() == exchange.out
    assert result.code == exchange.code, result.err
    assert bool(result.stderr) == bool(exchange.err), result.err
    if exchange.code:
        assert result.complaint


SHOWING = ("history",)
LOOKING = [each for name in SHOWING for each in recorded.read(name)]


@pytest.mark.parametrize("exchange", LOOKING, ids=line)
def test_what_docker_shows_of_the_same_images(looked_at: Path, exchange: Exchange) -> None:
    compare(looked_at, exchange)


@pytest.mark.parametrize("name", ["tag"])
def test_what_docker_makes_of_the_same_images(tmp_path: Path, name: str) -> None:
    install_all(tmp_path)
    for exchange in recorded.read(name):
        compare(tmp_path, exchange)
    shutil.rmtree(tmp_path / "root")


def test_every_difference_is_one() -> None:
    lines = {line(each) for name in SHOWING for each in recorded.read(name)}
    assert set(DIFFERENT) <= lines
