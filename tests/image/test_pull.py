"""Pulling from a real registry server into a store."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import images
from console import children_of
from cuddy.errors import InvalidReference, NoSuchImage, RegistryError, Unauthorized
from cuddy.image import blobs, index, pull, snapshots, store
from cuddy.image.progress import Progress
from cuddy.image.settings import Settings
from cuddy.image.storage import Storage
from registry import PASSWORD, USER, Registry

pytestmark = pytest.mark.root
QUICK = Settings(retry_delay_s=0.01, timeout_s=2)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "store"))


def content(storage: Storage, image: store.Image, path: str) -> bytes:
    """A file of an image whose layers do not hide it."""
    for chain_id in reversed(image.chain_ids):
        found = Path(snapshots.path(storage, chain_id), path)
        if found.exists():
            return found.read_bytes()
    raise FileNotFoundError(path)


def leftovers(storage: Storage) -> list[str]:
    return os.listdir(storage.tmp_dir) + os.listdir(storage.ingest_dir)


class TestOneImage:
    def test_it_is_there_afterwards(self, registry: Registry, storage: Storage) -> None:
        image = pull.pull(storage, registry.name("alpine"), settings=QUICK)
        assert image.id == images.alpine().id
        assert image.names == (registry.name("alpine"),)
        assert image.repo_digests == (f"{registry.host}/alpine@{images.alpine().digest}",)
        assert store.resolve(storage, registry.name("alpine")) == image
        assert b"root:" in content(storage, image, "etc/passwd")
        assert image.size_bytes > 1_000_000
        assert leftovers(storage) == []

    def test_steps_are_told_in_docker_s_words(self, registry: Registry, storage: Storage) -> None:
        steps: list[Progress] = []
        pull.pull(storage, registry.name("alpine", "3.20"), settings=QUICK, progress=steps.append)
        assert (steps[0].id, steps[0].state) == ("3.20", "Pulling from alpine")
        states = [step.state for step in steps]
        order = ["Pulling fs layer", "Downloading", "Download complete", "Pull complete"]
        assert [state for state in dict.fromkeys(states) if state in order] == order
        for step in steps:
            assert 0 <= step.current <= step.total or step.total == 0
        assert steps[-2].state == f"Digest: {images.alpine('3.20').digest}"
        name = registry.name("alpine", "3.20")
        assert steps[-1].state == f"Status: Downloaded newer image for {name}"

    def test_a_second_pull_fetches_nothing(self, registry: Registry, storage: Storage) -> None:
        pull.pull(storage, registry.name("alpine"), settings=QUICK)
        steps: list[Progress] = []
        pull.pull(storage, registry.name("alpine"), settings=QUICK, progress=steps.append)
        assert {step.state for step in steps if len(step.id) == 12} == {
            "Pulling fs layer",
            "Already exists",
        }
        assert steps[-1].state.startswith("Status: Image is up to date")

    def test_by_digest(self, registry: Registry, storage: Storage) -> None:
        name = f"{registry.host}/alpine@{images.alpine('3.20').digest}"
        image = pull.pull(storage, name, settings=QUICK)
        assert image.names == ()
        assert image.repo_digests == (name,)
        assert store.resolve(storage, name).id == images.alpine("3.20").id

    def test_by_digest_of_an_index(self, registry: Registry, storage: Storage) -> None:
        name = f"{registry.host}/busybox@{images.multiarch().digest}"
        assert pull.pull(storage, name, settings=QUICK).repo_digests == (name,)

    def test_layers_of_every_compression_on_one_another(
        self, registry: Registry, storage: Storage
    ) -> None:
        layers = [
            images.layer(images.tar(images.entry(f"f{n}", b"%d" % n)), compression)
            for n, compression in enumerate(["", "gzip", "zstd"] * 3)
        ]
        name = registry.push(images.image(layers), "many-layers")
        image = pull.pull(storage, name, settings=QUICK)
        assert [content(storage, image, f"f{n}") for n in range(9)] == [b"%d" % n for n in range(9)]
        assert image.size_bytes == 9

    def test_the_same_layer_twice(self, registry: Registry, storage: Storage) -> None:
        same = images.layer(images.tar(images.entry("f", b"x")))
        name = registry.push(images.image([same, same, same]), "repeated")
        assert len(pull.pull(storage, name, settings=QUICK).chain_ids) == 3

    def test_an_image_without_layers(self, registry: Registry, storage: Storage) -> None:
        name = registry.push(images.image([]), "scratch")
        assert pull.pull(storage, name, settings=QUICK).chain_ids == ()

    def test_docker_s_and_oci_s_documents(self, registry: Registry, storage: Storage) -> None:
        archive = images.tar(images.entry("f", b"x"))
        for docker in (False, True):
            built = images.image([images.layer(archive, docker=docker)], docker=docker)
            listed = images.index([(f"linux/{images.ARCHITECTURE}", built)], docker=docker)
            name = registry.push(listed, f"listed{docker}".lower())
            image = pull.pull(storage, name, settings=QUICK)
            assert f"{name.removesuffix(':latest')}@{listed.digest}" in image.repo_digests
            assert blobs.read(storage, listed.digest) == listed.manifest
            assert blobs.read(storage, built.digest) == built.manifest

    def test_other_platforms(self, registry: Registry, storage: Storage) -> None:
        other = "arm64" if images.ARCHITECTURE == "amd64" else "amd64"
        name = registry.name("busybox")
        image = pull.pull(storage, name, platform=f"linux/{other}", settings=QUICK)
        assert image.config["architecture"] == other
        mine = pull.pull(storage, name, settings=QUICK)
        assert mine.config["architecture"] == images.ARCHITECTURE
        assert store.resolve(storage, name).id == mine.id
        assert len(store.list_images(storage)) == 2

    def test_a_platform_that_is_not_there(self, registry: Registry, storage: Storage) -> None:
        with pytest.raises(RegistryError, match=r"not there for linux/s390x.*linux/a"):
            pull.pull(storage, registry.name("busybox"), platform="linux/s390x", settings=QUICK)
        with pytest.raises(RegistryError, match="only, not for"):
            pull.pull(storage, registry.name("alpine"), platform="linux/s390x", settings=QUICK)

    def test_a_tag_that_moves_leaves_its_image_known_by_digest(
        self, registry: Registry, storage: Storage
    ) -> None:
        first = images.image([images.layer(images.tar(images.entry("v", b"1")))])
        second = images.image([images.layer(images.tar(images.entry("v", b"2")))])
        name = registry.push(first, "moving")
        old = pull.pull(storage, name, settings=QUICK)
        registry.push(second, "moving")
        new = pull.pull(storage, name, settings=QUICK)
        assert store.resolve(storage, name).id == new.id == second.id
        kept = store.resolve(storage, f"{registry.host}/moving@{first.digest}")
        assert (kept.id, kept.names) == (old.id, ())

    def test_what_is_there_already_is_not_fetched_for_another_image(
        self, registry: Registry, storage: Storage
    ) -> None:
        bottom = images.layer(images.tar(images.entry("a", b"1" * 1000)))
        top = images.layer(images.tar(images.entry("b", b"2")))
        first = registry.push(images.image([bottom]), "bottom")
        second = registry.push(images.image([bottom, top]), "both")
        size = pull.pull(storage, first, settings=QUICK).size_bytes
        steps: list[Progress] = []
        image = pull.pull(storage, second, settings=QUICK, progress=steps.append)
        assert [step.state for step in steps].count("Already exists") == 1
        assert image.size_bytes == size + 1


class TestNames:
    def test_unknown_ones(self, registry: Registry, storage: Storage) -> None:
        for name in (registry.name("no-such"), registry.name("alpine", "no-such")):
            with pytest.raises(NoSuchImage, match="does not have it"):
                pull.pull(storage, name, settings=QUICK)

    def test_impossible_ones(self, storage: Storage) -> None:
        with pytest.raises(InvalidReference):
            pull.pull(storage, "NO/such:x:y", settings=QUICK)

    def test_docker_io_may_have_a_mirror(self, registry: Registry, storage: Storage) -> None:
        settings = QUICK._replace(mirrors={"docker.io": (f"http://{registry.host}",)})
        image = pull.pull(storage, "alpine:3.15", settings=settings)
        assert image.names == ("docker.io/library/alpine:3.15",)
        assert image.id == images.alpine().id

    def test_a_mirror_may_keep_images_below_a_prefix(
        self, registry: Registry, storage: Storage
    ) -> None:
        registry.push(images.alpine(), "mirrors/quay/team/app")
        settings = QUICK._replace(mirrors={"quay.io": (f"{registry.host}/mirrors/quay",)})
        image = pull.pull(storage, "quay.io/team/app", settings=settings)
        assert image.names == ("quay.io/team/app:latest",)

    def test_a_mirror_that_fails_is_passed_over(self, registry: Registry, storage: Storage) -> None:
        mirrors = ("127.0.0.1:1", f"{registry.host}/nowhere")
        settings = QUICK._replace(mirrors={registry.host: mirrors})
        assert pull.pull(storage, registry.name("alpine"), settings=settings)

    def test_a_registry_that_is_down(self, storage: Storage) -> None:
        with pytest.raises(RegistryError, match=r"127\.0\.0\.1:1.*refused"):
            pull.pull(storage, "127.0.0.1:1/x", settings=QUICK)

    def test_a_registry_whose_name_nobody_knows(self, storage: Storage) -> None:
        with pytest.raises(RegistryError, match="registry.invalid"):
            pull.pull(storage, "registry.invalid/x", settings=QUICK)


class TestCredentials:
    def settings(self, path: Path, document: object, **environment: str) -> Settings:
        path.write_text(json.dumps(document))
        return QUICK._replace(auth_files=(str(path),), environment=environment)

    def test_without_any(self, private_registry: Registry, storage: Storage) -> None:
        with pytest.raises(Unauthorized, match="denied.*credentials"):
            pull.pull(storage, private_registry.name("alpine"), settings=QUICK)

    @pytest.mark.parametrize("key", ["{}", "https://{}", "http://{}/v2/", "{}/alpine"])
    def test_from_docker_s_file(
        self, private_registry: Registry, storage: Storage, tmp_path: Path, key: str
    ) -> None:
        word = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        auths = {key.format(private_registry.host): {"auth": word}}
        settings = self.settings(tmp_path / "config.json", {"auths": auths})
        assert pull.pull(storage, private_registry.name("alpine"), settings=settings)

    def test_wrong_ones(self, private_registry: Registry, storage: Storage, tmp_path: Path) -> None:
        word = base64.b64encode(b"tester:wrong").decode()
        auths = {private_registry.host: {"auth": word}}
        settings = self.settings(tmp_path / "config.json", {"auths": auths})
        with pytest.raises(Unauthorized):
            pull.pull(storage, private_registry.name("alpine"), settings=settings)

    @pytest.mark.parametrize("which", ["credHelpers", "credsStore"])
    def test_from_a_program(
        self, private_registry: Registry, storage: Storage, tmp_path: Path, which: str
    ) -> None:
        program = tmp_path / "docker-credential-test"
        answer = json.dumps({"Username": USER, "Secret": PASSWORD})
        program.write_text(f"#!/bin/sh\nread host\ntest $host = {private_registry.host} || exit 1\n"
                           f"echo '{answer}'\n")  # fmt: skip
        program.chmod(0o755)
        document = {"credsStore": "test"}
        if which == "credHelpers":
            document = {"credHelpers": {private_registry.host: "test"}}  # type: ignore[dict-item]
        path = f"{tmp_path}:{os.environ['PATH']}"
        settings = self.settings(tmp_path / "config.json", document, PATH=path)
        assert pull.pull(storage, private_registry.name("alpine"), settings=settings)

    def test_skopeo_wrote_the_file(
        self, private_registry: Registry, storage: Storage, tmp_path: Path
    ) -> None:
        path = tmp_path / "auth.json"
        subprocess.run(
            ["skopeo", "login", "--tls-verify=false", f"--authfile={path}", "-u", USER, "-p",
             PASSWORD, private_registry.host],
            check=True, capture_output=True,
        )  # fmt: skip
        settings = QUICK._replace(auth_files=(str(tmp_path / "none"), str(path)))
        assert pull.pull(storage, private_registry.name("alpine"), settings=settings)


PULLER = """
import sys
from cuddy.image import pull
from cuddy.image.storage import Storage
pull.pull(Storage(sys.argv[1]), sys.argv[2], progress=lambda step: print(step.state, flush=True))
"""


@pytest.fixture(scope="module")
def big(registry: Registry) -> str:
    """An image whose pull takes long enough to be interrupted."""
    layers = [
        images.layer(
            images.tar(*[images.entry(f"{n}/{m}", os.urandom(200_000)) for m in range(60)]), ""
        )
        for n in range(3)
    ]
    return registry.push(images.image(layers), "big")


class TestInterruption:
    """Whatever ends a pull, nothing is left running, and nothing of the store is wrong."""

    def start(self, storage: Storage, name: str) -> subprocess.Popen[str]:
        environment = os.environ | {"PYTHONPATH": ":".join(sys.path)}
        command = [sys.executable, "-c", PULLER, storage.root, name]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)

    @pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
    @pytest.mark.parametrize("after_s", [0.0, 0.03])
    def test_the_next_pull_goes_on(
        self, big: str, storage: Storage, how: signal.Signals, after_s: float
    ) -> None:
        with self.start(storage, big) as process:
            assert process.stdout
            while "Downloading" not in process.stdout.readline():
                pass
            time.sleep(after_s)
            workers = children_of(process.pid)
            process.send_signal(how)
            process.communicate()
        deadline = time.monotonic() + 5
        while any(Path(f"/proc/{pid}").exists() for pid in workers):
            assert time.monotonic() < deadline, "workers outlive the pull"
            time.sleep(0.01)
        if how == signal.SIGINT:
            assert os.listdir(storage.tmp_dir) == []
        assert index.load(storage) == []
        image = pull.pull(storage, big, settings=QUICK)
        assert len(image.chain_ids) == 3
        assert leftovers(storage) == []

    def test_half_a_blob_is_continued(self, registry: Registry, storage: Storage) -> None:
        data = os.urandom(1_000_000)
        built = images.image([images.layer(images.tar(images.entry("f", data)), "")])
        digest, blob = list(built.blobs.items())[1]
        name = registry.push(built, "half")
        os.makedirs(storage.ingest_dir)
        Path(storage.ingest_dir, digest.replace(":", "-")).write_bytes(blob[:600_000])
        steps: list[Progress] = []
        image = pull.pull(storage, name, settings=QUICK, progress=steps.append)
        assert content(storage, image, "f") == data
        moving = [step.current for step in steps if step.state == "Downloading"]
        assert min(moving) > 600_000

    def test_half_a_blob_that_is_another_s_is_fetched_anew(
        self, registry: Registry, storage: Storage
    ) -> None:
        digest, blob = list(images.alpine().blobs.items())[1]
        os.makedirs(storage.ingest_dir)
        for wrong in (b"x" * 100_000, bytes(len(blob)), blob[:1000] + b"y", blob + b"z"):
            Path(storage.ingest_dir, digest.replace(":", "-")).write_bytes(wrong)
            assert pull.pull(storage, registry.name("alpine"), settings=QUICK)
            blobs.delete(storage, digest)

    def test_a_blob_that_the_disk_has_damaged_is_fetched_anew(
        self, registry: Registry, storage: Storage
    ) -> None:
        image = pull.pull(storage, registry.name("alpine"), settings=QUICK)
        digest, blob = list(images.alpine().blobs.items())[1]
        damaged = bytearray(blob)
        damaged[len(blob) // 2] ^= 1
        Path(blobs.path(storage, digest)).write_bytes(damaged)
        snapshots.delete(storage, image.chain_ids[0])
        pull.pull(storage, registry.name("alpine"), settings=QUICK)
        assert Path(blobs.path(storage, digest)).read_bytes() == blob

    def test_two_pulls_at_once_share_one_download(self, big: str, storage: Storage) -> None:
        with self.start(storage, big) as one, self.start(storage, big) as two:
            assert one.wait(30) == two.wait(30) == 0
        assert len(store.list_images(storage)) == 1
        assert leftovers(storage) == []

    def test_old_leftovers_are_swept(self, registry: Registry, storage: Storage) -> None:
        os.makedirs(storage.ingest_dir)
        old, new = (Path(storage.ingest_dir, f"sha256-{n * 64}") for n in "ab")
        old.touch()
        new.touch()
        os.utime(old, (1, 1))
        dead = Path(storage.tmp_dir, "999999-1-000000000000.tmp")
        (dead / "tree").mkdir(parents=True)
        pull.pull(storage, registry.name("alpine"), settings=QUICK)
        assert not old.exists()
        assert not dead.exists()
        assert new.exists()
