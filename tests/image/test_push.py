"""Pushing from a store to real registry servers."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import images
from cuddy.errors import CorruptContent, InvalidReference, NoSuchImage, Unauthorized
from cuddy.image import blobs, index, pull, push, rmi, store, upload
from cuddy.image.progress import Progress
from cuddy.image.settings import Settings
from cuddy.image.storage import Storage
from registry import Registry

pytestmark = pytest.mark.root
QUICK = Settings(retry_delay_s=0.01, timeout_s=5)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "store"))


def unique(docker: bool = False, compression: str = "gzip", size: int = 3000) -> images.BuiltImage:
    """An image that no registry has seen."""
    layers = [
        images.layer(
            images.tar(images.entry(f"f{n}", os.urandom(size))), compression, docker=docker
        )
        for n in range(2)
    ]
    return images.image(layers, docker=docker)


def pushed(
    storage: Storage, name: str, built: images.BuiltImage, **options: object
) -> list[Progress]:
    """The steps of the push of an image that is put into the store first."""
    images.install(storage, built, name)
    steps: list[Progress] = []
    push.push(storage, name, settings=QUICK, progress=steps.append, **options)  # type: ignore[arg-type]
    return steps


def states(steps: list[Progress]) -> set[str]:
    return {step.state for step in steps if step.id}


class TestOneImage:
    @pytest.mark.parametrize("docker", [False, True])
    @pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
    def test_it_can_be_pulled_again(
        self, registry: Registry, storage: Storage, tmp_path: Path, docker: bool, compression: str
    ) -> None:
        built = unique(docker, compression)
        name = registry.name(f"made/{compression or 'plain'}{int(docker)}")
        pushed(storage, name, built)
        again = pull.pull(Storage(str(tmp_path / "again")), name, settings=QUICK)
        assert again.id == built.id
        assert again.repo_digests == (f"{name.removesuffix(':latest')}@{built.digest}",)

    def test_the_steps_are_told_in_docker_s_words(
        self, registry: Registry, storage: Storage
    ) -> None:
        built = unique()
        steps = pushed(storage, registry.name("words"), built)
        assert steps[0].state == f"The push refers to repository [{registry.host}/words]"
        diff_ids = json.loads(built.blobs[built.id])["rootfs"]["diff_ids"]
        top, bottom = (diff_id[7:19] for diff_id in reversed(diff_ids))
        assert [(step.id, step.state) for step in steps[1:3]] == [
            (top, "Preparing"),
            (bottom, "Preparing"),
        ]
        assert {step.id for step in steps if step.state == "Pushed"} == {top, bottom}
        size = len(built.manifest)
        assert steps[-1].state == f"latest: digest: {built.digest} size: {size}"

    def test_what_is_there_already_is_not_sent_again(
        self, registry: Registry, storage: Storage
    ) -> None:
        built = unique()
        name = registry.name("twice")
        assert "Pushed" in states(pushed(storage, name, built))
        assert states(pushed(storage, name, built)) == {"Preparing", "Layer already exists"}

    def test_its_digest_there_is_known_afterwards(
        self, registry: Registry, storage: Storage
    ) -> None:
        built = unique()
        images.install(storage, built, "local/thing:1")
        name = registry.name("known", "1")
        store.tag(storage, "local/thing:1", name)
        push.push(storage, name, settings=QUICK)
        digest = f"{registry.host}/known@{built.digest}"
        assert digest in store.resolve(storage, name).repo_digests
        assert store.resolve(storage, digest).id == built.id

    def test_a_layer_that_is_there_twice(self, registry: Registry, storage: Storage) -> None:
        same = images.layer(images.tar(images.entry("f", os.urandom(100))))
        steps = pushed(storage, registry.name("same"), images.image([same, same]))
        assert [step.state for step in steps].count("Pushed") == 1

    def test_an_image_without_layers(self, registry: Registry, storage: Storage) -> None:
        built = images.image([], author="nobody")
        pushed(storage, registry.name("nothing"), built)
        assert registry.manifest("nothing")[0] == built.manifest

    def test_a_large_layer_is_streamed(self, registry: Registry, storage: Storage) -> None:
        built = unique(compression="", size=upload.SMALL_BYTES * 3)
        steps = pushed(storage, registry.name("large"), built)
        moving = [step for step in steps if step.state == "Pushing"]
        assert moving[-1].current == moving[-1].total > upload.SMALL_BYTES * 3
        assert registry.manifest("large")[0] == built.manifest


class TestRoundTrips:
    """Digests survive a pull and a push to another registry byte for byte."""

    @pytest.mark.parametrize("docker", [False, True])
    @pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
    def test_from_one_registry_to_another(
        self, registry: Registry, other_registry: Registry, storage: Storage, docker: bool,
        compression: str,
    ) -> None:  # fmt: skip
        built = unique(docker, compression)
        # What nobody would write today, but somebody has signed: it must stay as it is.
        strange = built._replace(manifest=b" \n" + built.manifest.replace(b":2,", b" :  2 ,", 1))
        source = registry.push(strange, "strange")
        pull.pull(storage, source, settings=QUICK)
        target = other_registry.name(f"copied{compression}{int(docker)}")
        store.tag(storage, source, target)
        [digest] = push.push(storage, target, settings=QUICK)
        assert digest == strange.digest
        repository = target.split("/")[1].partition(":")[0]
        assert other_registry.manifest(repository) == registry.manifest("strange")

    def test_one_out_of_an_index(
        self, registry: Registry, other_registry: Registry, storage: Storage
    ) -> None:
        mine = unique(docker=True)
        name = registry.push(images.index([(f"linux/{images.ARCHITECTURE}", mine)]), "listed")
        pull.pull(storage, name, settings=QUICK)
        target = other_registry.name("chosen")
        store.tag(storage, name, target)
        push.push(storage, target, settings=QUICK)
        assert other_registry.manifest("chosen") == (mine.manifest, mine.media_type)

    def test_a_blob_is_mounted_from_where_it_came_from(
        self, registry: Registry, storage: Storage
    ) -> None:
        name = registry.push(unique(), "origin/of-it")
        pull.pull(storage, name, settings=QUICK)
        target = registry.name("target/of-it")
        store.tag(storage, name, target)
        steps: list[Progress] = []
        push.push(storage, target, settings=QUICK, progress=steps.append)
        assert states(steps) == {"Preparing", "Mounted from origin/of-it"}
        assert registry.manifest("target/of-it") == registry.manifest("origin/of-it")

    def test_a_blob_that_is_gone_from_there_is_sent(
        self, registry: Registry, storage: Storage
    ) -> None:
        images.install(storage, unique(), registry.name("never/pushed"))
        store.tag(storage, registry.name("never/pushed"), registry.name("but/here"))
        steps: list[Progress] = []
        push.push(storage, registry.name("but/here"), settings=QUICK, progress=steps.append)
        assert states(steps) >= {"Preparing", "Pushed"}


class TestAllTags:
    def test_every_name_of_the_repository(self, registry: Registry, storage: Storage) -> None:
        one, two = unique(), unique()
        images.install(storage, one, registry.name("many", "1"))
        images.install(storage, two, registry.name("many", "2"))
        images.install(storage, unique(), registry.name("many-others", "3"))
        assert push.push(
            storage, registry.name("many"), all_tags=True, settings=QUICK
        ) == [one.digest, two.digest]  # fmt: skip
        assert registry.manifest("many", "1")[0] == one.manifest
        assert registry.manifest("many", "2")[0] == two.manifest

    def test_a_hundred_names_of_one_image_open_its_blobs_once(
        self, registry: Registry, storage: Storage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        images.install(storage, unique(), registry.name("hundred", "0"))
        for number in range(1, 100):
            name = registry.name("hundred", str(number))
            store.tag(storage, registry.name("hundred", "0"), name)
        opened: list[int] = []
        monkeypatch.setattr(push, "_push", lambda _, outgoing, __: opened.extend(
            blob.fd for blob in outgoing.blobs
        ))  # fmt: skip
        monkeypatch.setattr(push, "_note", lambda *_: None)
        push.push(storage, registry.name("hundred"), all_tags=True, settings=QUICK)
        assert len(opened) == 300
        assert len(set(opened)) == 3

    def test_none_is_an_error(self, registry: Registry, storage: Storage) -> None:
        with pytest.raises(NoSuchImage):
            push.push(storage, registry.name("none-at-all"), all_tags=True, settings=QUICK)


class Cutter:
    """A way to a registry on which a connection is cut after so many bytes, a few times over."""

    def __init__(self, target: str, room: Path, limit: int, times: int) -> None:
        host, _, port = target.partition(":")
        self.target = (host, int(port))
        self.room = room
        self.limit = limit
        self.times = times
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self.serve()
            finally:
                os._exit(1)
        self.listener.close()

    @property
    def cuts(self) -> int:
        return len(list(self.room.glob("cut*")))

    def serve(self) -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while True:
            near, _ = self.listener.accept()
            if os.fork() == 0:
                try:
                    self.carry(near, socket.create_connection(self.target))
                finally:
                    os._exit(0)
            near.close()

    def carry(self, near: socket.socket, far: socket.socket) -> None:
        carried = 0
        while True:
            for ready in select.select([near, far], [], [])[0]:
                data = ready.recv(1 << 16)
                if not data:
                    return
                (far if ready is near else near).sendall(data)
                carried += len(data) if ready is near else 0
            if carried > self.limit and self.may_cut():
                return

    def may_cut(self) -> bool:
        """Whether there is a cut left; it is taken then."""
        for number in range(self.times):
            try:
                (self.room / f"cut{number}").touch(exist_ok=False)
            except FileExistsError:
                continue
            return True
        return False

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


class TestBreaks:
    @pytest.mark.parametrize("times", [1, 3])
    def test_a_real_registry_is_given_what_it_lacks(
        self, registry: Registry, storage: Storage, tmp_path: Path, times: int
    ) -> None:
        built = unique(compression="", size=6_000_000)
        cutter = Cutter(registry.host, tmp_path, 4_000_000, times)
        try:
            name = f"{cutter.host}/broken{times}"
            steps = pushed(storage, name, built)
        finally:
            cutter.close()
        assert cutter.cuts == times
        assert [step.state for step in steps].count("Pushed") == 2
        assert registry.manifest(f"broken{times}")[0] == built.manifest
        again = pull.pull(
            Storage(str(tmp_path / "again")), registry.name(f"broken{times}"), settings=QUICK
        )
        assert again.id == built.id


class TestForeignLayers:
    """Layers that no registry may hand on: they stay where their urls say."""

    def image(self, urls: list[str] | None) -> images.BuiltImage:
        built = unique()
        document = built.document
        kind = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
        document["layers"][0] |= {"mediaType": kind} | ({"urls": urls} if urls else {})
        return built._replace(manifest=images.to_json(document))

    def test_they_are_not_uploaded(self, registry: Registry, storage: Storage) -> None:
        built = self.image(["https://example.invalid/layer"])
        steps = pushed(storage, registry.name("foreign"), built)
        assert [step.state for step in steps].count("Skipped foreign layer") == 1
        assert [step.state for step in steps].count("Pushed") == 1
        digest = built.document["layers"][0]["digest"]
        client = push._connect(QUICK, push.reference.parse(registry.name("foreign")), ())
        try:
            assert not upload.exists(client, digest)
        finally:
            client.close()

    def test_unless_they_are_nowhere_else(self, registry: Registry, storage: Storage) -> None:
        steps = pushed(storage, registry.name("homeless"), self.image(None))
        assert [step.state for step in steps].count("Pushed") == 2


class TestRefusals:
    def test_an_image_that_is_not_there(self, registry: Registry, storage: Storage) -> None:
        with pytest.raises(NoSuchImage):
            push.push(storage, registry.name("unheard-of"), settings=QUICK)

    def test_a_digest(self, registry: Registry, storage: Storage) -> None:
        with pytest.raises(InvalidReference, match="cannot push a digest reference"):
            push.push(storage, f"{registry.host}/x@sha256:{'0' * 64}", settings=QUICK)

    def test_another_platform_than_the_image_is_for(
        self, registry: Registry, storage: Storage
    ) -> None:
        name = registry.name("here")
        images.install(storage, unique(), name)
        with pytest.raises(NoSuchImage, match="for linux/s390x.*the one here is for"):
            push.push(storage, name, platform="linux/s390x", settings=QUICK)
        assert push.push(storage, name, platform=f"linux/{images.ARCHITECTURE}", settings=QUICK)

    def test_an_image_that_lacks_a_blob(self, registry: Registry, storage: Storage) -> None:
        built = unique()
        images.install(storage, built, registry.name("broken"))
        blobs.delete(storage, built.document["layers"][1]["digest"])
        with pytest.raises(CorruptContent, match="the image store lacks"):
            push.push(storage, registry.name("broken"), settings=QUICK)

    def test_without_credentials(self, private_registry: Registry, storage: Storage) -> None:
        with pytest.raises(Unauthorized, match="push access denied.*cuddy login"):
            pushed(storage, private_registry.name("secret"), unique())

    def test_with_credentials(
        self, private_registry: Registry, storage: Storage, tmp_path: Path
    ) -> None:
        word = private_registry.authorization.split()[1]
        auths = {"auths": {private_registry.host: {"auth": word}}}
        (tmp_path / "config.json").write_text(json.dumps(auths))
        settings = QUICK._replace(auth_files=(str(tmp_path / "config.json"),))
        built = unique()
        images.install(storage, built, private_registry.name("secret"))
        push.push(storage, private_registry.name("secret"), settings=settings)
        assert private_registry.manifest("secret")[0] == built.manifest

    def test_a_failed_push_changes_nothing_here(
        self, private_registry: Registry, storage: Storage
    ) -> None:
        name = private_registry.name("secret")
        images.install(storage, unique(), name)
        before = index.load(storage)
        with pytest.raises(Unauthorized):
            push.push(storage, name, settings=QUICK)
        assert index.load(storage) == before


PUSHER = """
import sys
from cuddy.image import push
from cuddy.image.storage import Storage
push.push(Storage(sys.argv[1]), sys.argv[2], progress=lambda step: print(step.state, flush=True))
"""


class TestInterruption:
    @pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
    def test_whatever_ends_a_push_the_next_one_goes_on(
        self, registry: Registry, storage: Storage, how: signal.Signals
    ) -> None:
        built = unique(compression="", size=40_000_000)
        name = registry.name(f"interrupted{how}")
        images.install(storage, built, name)
        environment = os.environ | {"PYTHONPATH": ":".join(sys.path)}
        command = [sys.executable, "-c", PUSHER, storage.root, name]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        ) as process:
            assert process.stdout
            for line in process.stdout:
                if "Pushing" in line:
                    break
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            workers = children.read_text().split()
            process.send_signal(how)
            process.communicate()
        deadline = time.monotonic() + 5
        while any(Path(f"/proc/{pid}").exists() for pid in workers):
            assert time.monotonic() < deadline, "workers outlive the push"
            time.sleep(0.01)
        assert os.listdir(storage.tmp_dir) == []
        push.push(storage, name, settings=QUICK)
        assert registry.manifest(f"interrupted{how}")[0] == built.manifest

    def test_an_image_that_is_removed_meanwhile_is_pushed_all_the_same(
        self, registry: Registry, storage: Storage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        built = unique()
        name = registry.name("removed")
        images.install(storage, built, name)
        connect = push._connect

        def remove_first(*arguments: Any) -> Any:
            rmi.remove(storage, name, force=False, used_by=lambda _: [])
            return connect(*arguments)

        monkeypatch.setattr(push, "_connect", remove_first)
        push.push(storage, name, settings=QUICK)
        assert registry.manifest("removed")[0] == built.manifest
        assert store.list_images(storage) == []
