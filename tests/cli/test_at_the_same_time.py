"""Several commands at the same time: nobody loses anything, and nobody sees half of it."""

from __future__ import annotations

import os
import subprocess
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import images
from console import ENGINE, Cuddy
from cuddy.engine import check, commit, create, prune, rm, rmi
from cuddy.engine.home import Home, open_home
from cuddy.engine.options import ContainerOptions
from cuddy.errors import Conflict, NoSuchImage
from cuddy.image import load, pull, save, store
from cuddy.image.settings import Settings
from hostile_registry import Answer, Hostile, serve_image

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="it is about our store")
QUICK = Settings(retry_delay_s=0.01, timeout_s=5)
ROUNDS = 12


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return open_home(str(tmp_path / "root"), str(tmp_path / "run"))


def built(*names: str, size: int = 20_000) -> images.BuiltImage:
    """An image with a layer for each name, always the same."""
    layers = [
        images.layer(images.tar(*(images.entry(f"{n}/{i}", n.encode() * size) for i in range(5))))
        for n in names
    ]
    return images.image(layers)


def together(*works: Callable[[], object]) -> None:
    """Do all of them at once, each in a process, and wait for all."""
    children = []
    for work in works:
        pid = os.fork()
        if pid == 0:
            try:
                work()
                os._exit(0)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)
        children.append(pid)
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children] == [0] * len(
        works
    )


def again_and_again(work: Callable[[], object], times: int = ROUNDS) -> Callable[[], None]:
    """The same many times; what is not there or in use just then is no error."""

    def loop() -> None:
        for _ in range(times):
            try:
                work()
            except (NoSuchImage, Conflict):
                pass

    return loop


def is_sound(home: Home) -> bool:
    report = check.check(home)
    print(report)
    return report.is_sound


def asked_blobs(server: Hostile) -> Counter[str]:
    return Counter(path for path, _ in server.requests() if "/blobs/" in path)


def test_four_pulls_of_one_image_fetch_each_blob_once(home: Home, hostile) -> None:
    image = built("a", "b", "c", "d")
    server = hostile(serve_image(image))
    name = f"{server.host}/x"
    together(*[lambda: pull.pull(home.storage, name, settings=QUICK)] * 4)
    counted = asked_blobs(server)
    assert set(counted) == {f"/v2/x/blobs/{digest}" for digest in image.blobs}
    assert set(counted.values()) == {1}
    assert store.resolve(home.storage, name).id == image.id
    assert os.listdir(home.storage.ingest_dir) == []
    assert is_sound(home)


def test_pulls_of_images_that_share_layers_fetch_these_once(home: Home, hostile) -> None:
    several = [built("a", "b", last) for last in "cde"]
    routes: dict[str, list[Answer]] = {}
    for number, image in enumerate(several):
        routes |= serve_image(image, tag=str(number))
    server = hostile(routes)
    together(*[
        lambda n=n: pull.pull(home.storage, f"{server.host}/x:{n}", settings=QUICK)
        for n in range(len(several))
    ])  # fmt: skip
    assert set(asked_blobs(server).values()) == {1}
    assert is_sound(home)


def test_pulls_while_others_remove(home: Home, hostile) -> None:
    images.install(home.storage, built("a", "b"), "other")
    server = hostile(serve_image(built("a", "b", "c")))
    name = f"{server.host}/x"
    together(
        *[lambda: [pull.pull(home.storage, name, settings=QUICK) for _ in range(ROUNDS)]] * 2,
        again_and_again(lambda: rmi.rmi(home, name, force=True), 4 * ROUNDS),
        again_and_again(lambda: prune.prune_images(home, prune.Filters(unused=True)), 2 * ROUNDS),
    )
    assert is_sound(home)
    pull.pull(home.storage, name, settings=QUICK)
    assert is_sound(home)


def test_containers_are_created_while_others_remove_their_image(home: Home) -> None:
    """A container that came to be has all its layers, whoever was quicker."""
    image = built("a", "b", size=100)

    def install() -> None:
        with store.lease(home.storage):
            images.install(home.storage, image, "x")

    def make() -> None:
        create.create(home, ContainerOptions(image="x", command=("y",), network="none"))

    install()
    together(
        again_and_again(install),
        again_and_again(make, 4 * ROUNDS),
        again_and_again(lambda: rmi.rmi(home, "x", force=True), 4 * ROUNDS),
        again_and_again(lambda: prune.prune_images(home, prune.Filters(unused=True)), 4 * ROUNDS),
    )
    made = os.listdir(home.containers_dir)
    assert is_sound(home)
    for container_id in made:
        rm.rm(home, container_id)


def test_four_processes_that_tag(home: Home) -> None:
    images.install(home.storage, built("a"), "x")
    together(*[
        lambda n=n: [store.tag(home.storage, "x", f"y:{n}.{i}") for i in range(ROUNDS)]
        for n in range(4)
    ])  # fmt: skip
    assert len(store.resolve(home.storage, "x").names) == 1 + 4 * ROUNDS
    assert is_sound(home)


def test_commits_and_loads_while_others_remove(home: Home, tmp_path: Path) -> None:
    """Neither has a second chance: what they have brought must not go before it has a name."""
    images.install(home.storage, built("a", size=100), "x")
    record = create.create(home, ContainerOptions(image="x", command=("y",), network="none"))
    (Path(home.container_dir(record["Id"])) / "upper/new").write_text("text")
    commit.commit(home, record["Id"], commit.Options(name="mine"))
    archive = os.open(tmp_path / "archive", os.O_RDWR | os.O_CREAT)
    save.save(home.storage, ["mine"], archive)

    def load_again() -> None:
        fd = os.open(tmp_path / "archive", os.O_RDONLY)
        try:
            load.load(home.storage, fd)
        finally:
            os.close(fd)

    together(
        lambda: [commit.commit(home, record["Id"], commit.Options(name="mine")) for _ in range(5)],
        lambda: [load_again() for _ in range(5)],
        lambda: [load_again() for _ in range(5)],
        again_and_again(lambda: rmi.rmi(home, "mine", force=True), 4 * ROUNDS),
        again_and_again(lambda: prune.prune_images(home, prune.Filters(unused=True)), 4 * ROUNDS),
    )
    os.close(archive)
    assert is_sound(home)
    rm.rm(home, record["Id"])


def test_a_check_while_others_work_finds_nothing_wrong(home: Home) -> None:
    image, other = built("a", "b"), built("a", "c")
    images.install(home.storage, other, "other")

    def add() -> None:
        with store.lease(home.storage):
            images.install(home.storage, image, "x")

    def look() -> None:
        for _ in range(ROUNDS):
            assert check.check(home).is_sound

    together(
        again_and_again(add, 3 * ROUNDS),
        again_and_again(lambda: rmi.rmi(home, "x", force=True), 3 * ROUNDS),
        look,
    )


@pytest.fixture
def small_disk(tmp_path: Path) -> Cuddy:
    """A home on a file system of 8 MB that holds one image of 2 MB already."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", disk], check=True)
    cuddy = Cuddy(disk / "root", tmp_path / "run")
    home = open_home(str(cuddy.root), str(cuddy.run_root))
    layer = images.layer(images.tar(images.entry("data", os.urandom(1_000_000))))
    images.install(home.storage, images.image([layer]), "there")
    yield cuddy
    subprocess.run(["umount", disk], check=True)


def large() -> images.BuiltImage:
    layers = [
        images.layer(images.tar(images.entry(f"data{n}", os.urandom(1_500_000)))) for n in range(4)
    ]
    return images.image(layers)


def test_a_commit_on_a_full_disk(small_disk: Cuddy) -> None:
    container_id = small_disk.ok("create", "there", "cmd")
    upper = small_disk.root / "containers" / container_id / "upper"
    (upper / "large").write_bytes(os.urandom(2_500_000))
    result = small_disk("commit", container_id, "mine")
    assert result.code == 1
    assert "no space left" in result.complaint
    assert small_disk("system", "check").code == 0
    assert os.listdir(small_disk.root / "tmp") == []
    assert small_disk.ok("images", "--format", "{{.Repository}}") == "there"
    small_disk.ok("rm", container_id)
    small_disk.ok("image", "prune", "-f")
    assert small_disk.ok("system", "check") == "sound"


@pytest.mark.parametrize("verb", ["pull", "load"])
def test_a_full_disk_is_one_clear_error(
    small_disk: Cuddy, tmp_path: Path, registry, verb: str
) -> None:
    image = large()
    name = registry.push(image, "large")
    if verb == "load":
        elsewhere = Cuddy(tmp_path / "elsewhere", tmp_path / "run2")
        elsewhere.ok("pull", "-q", name)
        elsewhere.ok("save", "-o", tmp_path / "archive", name)
    words = {"pull": ["pull", "-q", name], "load": ["load", "-q", "-i", tmp_path / "archive"]}[verb]
    result = small_disk(*words)
    assert result.code == 1
    assert "no space left" in result.complaint
    assert small_disk.ok("images", "--format", "{{.Repository}}") == "there"
    assert small_disk("system", "check").code == 0
    details = small_disk.ok("system", "df", "-v").splitlines()
    left = next(line for line in details if line.startswith("Content that no image needs: "))
    assert left.endswith((" 0B", " 4.096kB"))  # a config at most
    small_disk.ok("image", "prune", "-f")
    assert os.listdir(small_disk.root / "tmp") == []
    # And with all of it gone there is room for another that fits.
    small_disk.ok("rmi", "there")
    fits = registry.push(images.image([images.layer(images.tar(images.entry("f", b"x")))]), "fits")
    small_disk.ok("pull", "-q", fits)
    assert small_disk.ok("system", "check") == "sound"


def test_removing_works_on_a_full_disk(small_disk: Cuddy) -> None:
    try:
        (small_disk.root.parent / "filler").write_bytes(b"x" * (16 << 20))
    except OSError:
        pass
    assert os.statvfs(small_disk.root).f_bavail == 0
    small_disk.ok("rmi", "there")
    assert os.statvfs(small_disk.root).f_bavail > 0
    (small_disk.root.parent / "filler").unlink()
    assert small_disk.ok("system", "check") == "sound"
