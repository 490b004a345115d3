"""Layers of a build: only what a step has changed is in them, and all of it."""

from __future__ import annotations

import os
import signal
import socket
import stat
import time
from pathlib import Path

import pytest

import images
from builder.steps import difference, files_of, look, make, step
from child import in_child
from cuddy import files
from cuddy.builder import layers, snapshot, squash
from cuddy.builder.snapshot import Snapshot
from cuddy.errors import CorruptContent
from cuddy.image import blobs, snapshots, walk
from cuddy.image import storage as storages
from cuddy.image.storage import Storage
from cuddy.kernel import mount, overlay

pytestmark = pytest.mark.root


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    made = Storage(str(tmp_path / "store"))
    storages.create(made)
    return made


@pytest.fixture
def base(storage: Storage) -> list[str]:
    """A root with some of everything in it."""

    def fill(root: Path) -> None:
        for name in ("etc", "usr/bin", "var/lib/empty", "home/user"):
            (root / name).mkdir(parents=True)
        (root / "etc/motd").write_text("welcome\n")
        (root / "etc/passwd").write_text("root:x:0:0:\n")
        (root / "usr/bin/tool").write_bytes(b"\x7fELF" + bytes(3000))
        (root / "usr/bin/tool").chmod(0o4755)
        (root / "usr/bin/same").hardlink_to(root / "usr/bin/tool")
        (root / "usr/bin/link").symlink_to("tool")
        os.setxattr(root / "usr/bin/tool", "user.note", b"yes")
        os.mkfifo(root / "var/fifo")
        os.chown(root / "home/user", 1000, 1000)

    return [make(storage, [], fill).chain_id]


def mtime(path: Path) -> int:
    return path.lstat().st_mtime_ns


class TestWhatIsAChange:
    def test_new_and_changed_and_gone(self, storage: Storage, base: list[str]) -> None:
        def change(root: Path) -> None:
            (root / "new").write_text("x")
            (root / "etc/motd").write_text("changed")
            (root / "etc/passwd").unlink()

        made = make(storage, base, change)
        assert files_of(storage, made) == ["etc", "etc/motd", "etc/passwd", "new"]
        top = Path(snapshots.path(storage, made.chain_id))
        assert overlay.is_whiteout((top / "etc/passwd").lstat())
        assert made.size_bytes == len("xchanged")

    def test_nothing(self, storage: Storage, base: list[str]) -> None:
        assert step(storage, base, lambda root: os.listdir(root)) is None
        assert step(storage, [], lambda root: None) is None

    def test_what_is_made_and_removed_again_is_none(
        self, storage: Storage, base: list[str]
    ) -> None:
        def change(root: Path) -> None:
            (root / "etc/lock").touch()
            (root / "etc/lock").unlink()
            (root / "var/lib/deep").mkdir()
            (root / "var/lib/deep").rmdir()

        assert step(storage, base, change) is None

    def test_a_file_that_was_copied_up_and_is_as_it_was_is_none(
        self, storage: Storage, base: list[str]
    ) -> None:
        def change(root: Path) -> None:
            os.chown(root / "etc/motd", 0, 0)
            os.chown(root / "usr/bin/link", 0, 0, follow_symlinks=False)
            (root / "usr/bin/same").chmod(0o4755)
            os.chown(root / "var/fifo", 0, 0)
            (root / "etc").chmod(0o700)
            (root / "etc").chmod(0o755)

        assert step(storage, base, change) is None

    def test_other_content_of_the_same_size_and_time_is_one(
        self, storage: Storage, base: list[str]
    ) -> None:
        def change(root: Path) -> None:
            before = mtime(root / "etc/motd")
            (root / "etc/motd").write_text("Welcome\n")
            os.utime(root / "etc/motd", ns=(before, before))

        assert files_of(storage, make(storage, base, change)) == ["etc", "etc/motd"]

    @pytest.mark.parametrize(
        "touch",
        [
            lambda root: (root / "etc/motd").chmod(0o600),
            lambda root: os.chown(root / "etc/motd", 5, 5),
            lambda root: os.utime(root / "etc/motd", (1, 1)),
            lambda root: os.setxattr(root / "etc/motd", "user.a", b"b"),
        ],
    )
    def test_metadata_alone_is_one(self, storage: Storage, base: list[str], touch) -> None:  # type: ignore[no-untyped-def]
        assert files_of(storage, make(storage, base, touch)) == ["etc", "etc/motd"]

    def test_a_directory_of_another_mode_is_one(self, storage: Storage, base: list[str]) -> None:
        made = make(storage, base, lambda root: (root / "var/lib/empty").chmod(0o700))
        assert files_of(storage, made) == ["var", "var/lib", "var/lib/empty"]

    def test_the_mode_of_the_root_is_one(self, storage: Storage, base: list[str]) -> None:
        made = make(storage, base, lambda root: root.chmod(0o700))
        assert files_of(storage, made) == []
        assert (
            look(storage, [*base, made.chain_id], lambda root: root.stat().st_mode & 0o777) == 0o700
        )

    def test_attributes_of_the_root_stay(self, storage: Storage, base: list[str]) -> None:
        def mark(root: Path) -> None:
            os.setxattr(root, "user.note", b"yes")
            os.chown(root, 7, 8)

        chain = [*base, make(storage, base, mark).chain_id]
        assert step(storage, chain, lambda root: None) is None
        chain.append(make(storage, chain, lambda root: (root / "a").touch()).chain_id)
        seen = look(
            storage, chain, lambda root: (os.getxattr(root, "user.note"), root.stat().st_uid)
        )
        assert seen == (b"yes", 7)

    def test_a_second_name_of_a_file_below_keeps_both(
        self, storage: Storage, base: list[str]
    ) -> None:
        made = make(storage, base, lambda root: os.link(root / "etc/motd", root / "again"))
        assert files_of(storage, made) == ["again", "etc", "etc/motd"]

        def are_one(root: Path) -> bool:
            return (root / "again").samefile(root / "etc/motd")

        assert look(storage, [*base, made.chain_id], are_one)

    def test_the_time_of_a_directory_stays_when_what_is_no_change_goes_from_it(
        self, storage: Storage, base: list[str]
    ) -> None:
        def change(root: Path) -> None:
            (root / "etc/new").touch()
            os.chown(root / "etc/motd", 0, 0)
            os.utime(root / "etc", (7, 7))

        made = make(storage, base, change)
        assert mtime(Path(snapshots.path(storage, made.chain_id), "etc")) == 7 * 10**9

    def test_sockets_are_none_but_hide_what_they_took_the_place_of(
        self, storage: Storage, base: list[str]
    ) -> None:
        def change(root: Path) -> None:
            (root / "etc/motd").unlink()
            (root / "etc/passwd").write_text("")
            os.chdir(root)  # a socket's path has to be short
            for name in ("etc/motd", "new"):
                with socket.socket(socket.AF_UNIX) as listener:
                    listener.bind(name)

        made = make(storage, base, change)
        assert files_of(storage, made) == ["etc", "etc/motd", "etc/passwd"]
        seen = look(storage, [*base, made.chain_id], lambda root: os.listdir(root / "etc"))
        assert seen == ["passwd"]

    def test_names_that_an_archive_cannot_have_go(self, storage: Storage, base: list[str]) -> None:
        def change(root: Path) -> None:
            (root / "etc/.wh.motd").write_text("x")
            (root / ".wh..wh..opq").mkdir()
            (root / ".wh..wh..opq/file").touch()
            (root / "kept").touch()

        assert files_of(storage, make(storage, base, change)) == ["kept"]

    def test_attributes_that_no_layer_has_go(self, storage: Storage, base: list[str]) -> None:
        def change(root: Path) -> None:
            (root / "new").touch()
            for name in ("user.kept", "user.overlay.opaque", "user.a=b", "trusted.mine"):
                os.setxattr(root / "new", name, b"y")
                os.setxattr(root / "home", name, b"y")

        made = make(storage, base, change)
        top = Path(snapshots.path(storage, made.chain_id))
        assert os.listxattr(top / "new") == os.listxattr(top / "home") == ["user.kept"]
        assert os.listxattr(top) == []


class TestWhiteouts:
    def test_a_directory_that_is_gone(self, storage: Storage, base: list[str]) -> None:
        made = make(storage, base, lambda root: files.remove_tree(f"{root}/usr"))
        assert files_of(storage, made) == ["usr"]
        assert "usr" not in look(storage, [*base, made.chain_id], os.listdir)

    def test_a_directory_that_was_replaced_is_opaque(
        self, storage: Storage, base: list[str]
    ) -> None:
        def change(root: Path) -> None:
            files.remove_tree(f"{root}/usr/bin")
            (root / "usr/bin").mkdir()
            (root / "usr/bin/only").touch()

        made = make(storage, base, change)
        assert files_of(storage, made) == ["usr", "usr/bin", "usr/bin/only"]
        assert overlay.is_opaque(f"{snapshots.path(storage, made.chain_id)}/usr/bin")
        seen = look(storage, [*base, made.chain_id], lambda root: os.listdir(root / "usr/bin"))
        assert seen == ["only"]

    def test_a_new_directory_is_not(self, storage: Storage, base: list[str]) -> None:
        """overlayfs marks every directory that is made, whether it hides anything or not."""
        made = make(storage, base, lambda root: (root / "usr/new").mkdir())
        assert not overlay.is_opaque(f"{snapshots.path(storage, made.chain_id)}/usr/new")

    def test_a_directory_becomes_a_file_and_one_again(
        self, storage: Storage, base: list[str]
    ) -> None:
        def to_file(root: Path) -> None:
            files.remove_tree(f"{root}/usr")
            (root / "usr").write_text("a file now")

        def back(root: Path) -> None:
            (root / "usr").unlink()
            (root / "usr").mkdir()
            (root / "usr/fresh").touch()

        second = [*base, make(storage, base, to_file).chain_id]
        third = [*second, make(storage, second, back).chain_id]
        assert look(storage, third, lambda root: os.listdir(root / "usr")) == ["fresh"]
        gone = make(storage, second, lambda root: (root / "usr").unlink())
        assert files_of(storage, gone) == ["usr"]
        fourth = [*second, gone.chain_id]
        again = make(storage, fourth, lambda root: (root / "usr").mkdir())
        assert look(storage, [*fourth, again.chain_id], lambda root: os.listdir(root / "usr")) == []

    def test_a_directory_becomes_a_link(self, storage: Storage, base: list[str]) -> None:
        def change(root: Path) -> None:
            files.remove_tree(f"{root}/usr/bin")
            (root / "usr/bin").symlink_to("../home")

        made = make(storage, base, change)
        assert files_of(storage, made) == ["usr", "usr/bin"]


class TestEpoch:
    def test_no_time_is_later_and_all_are_whole_seconds(
        self, storage: Storage, base: list[str]
    ) -> None:
        def change(root: Path) -> None:
            (root / "etc/new").touch()
            (root / "etc/old").touch()
            os.utime(root / "etc/old", ns=(0, 5_999_999_999))
            (root / "home/link").symlink_to("x")

        made = make(storage, base, change, epoch=1_000_000)
        top = Path(snapshots.path(storage, made.chain_id))
        epoch = 1_000_000 * 10**9
        times = {name: mtime(top / name) for name in files_of(storage, made)}
        assert times.pop("etc/old") == 5 * 10**9
        assert set(times.values()) == {epoch}
        assert mtime(top) == mtime(Path(snapshots.path(storage, base[0]))) or mtime(top) == epoch
        assert made.created == "1970-01-12T13:46:40.000000000Z"

    def test_two_builds_in_two_stores_have_the_same_digests(self, tmp_path: Path) -> None:
        def fill(root: Path) -> None:
            for name in os.urandom(1).join([b"a", b"b"]).hex(), "d/x":
                (root / name).parent.mkdir(exist_ok=True)
            (root / "d/x").write_bytes(b"content" * 200_000)
            (root / "d/y").hardlink_to(root / "d/x")
            (root / "z").symlink_to("d")

        found = set()
        for name in ("one", "two"):
            storage = Storage(str(tmp_path / name))
            storages.create(storage)
            found.add(repr(make(storage, [], fill, epoch=1_600_000_000)))
        assert len(found) == 1


class TestStore:
    def test_a_layer_is_measured_as_its_directory_is(
        self, storage: Storage, base: list[str]
    ) -> None:
        def change(root: Path) -> None:
            (root / "a").write_bytes(bytes(5000))
            (root / "b").hardlink_to(root / "a")
            (root / "c").symlink_to("target")
            (root / "etc/motd").unlink()

        made = make(storage, base, change)
        fd = os.open(snapshots.path(storage, made.chain_id), os.O_RDONLY)
        try:
            assert made.size_bytes == walk.measure(fd) == 5006
        finally:
            os.close(fd)

    @pytest.mark.parametrize("size", [10, 3 << 20])
    def test_the_first_of_two_equal_layers_stays(
        self, storage: Storage, base: list[str], size: int
    ) -> None:
        def change(root: Path) -> None:
            (root / "a").write_bytes(bytes(size))

        first = make(storage, base, change, epoch=5)
        inode = os.stat(snapshots.path(storage, first.chain_id)).st_ino
        assert make(storage, base, change, epoch=5) == first
        assert os.stat(snapshots.path(storage, first.chain_id)).st_ino == inode
        assert os.listdir(storage.tmp_dir) == []

    def test_nothing_is_left_in_the_temporary_directory(
        self, storage: Storage, base: list[str]
    ) -> None:
        make(storage, base, lambda root: (root / "a").write_bytes(os.urandom(2 << 20)))
        step(storage, base, lambda root: None)
        assert os.listdir(storage.tmp_dir) == []

    def test_a_layer_of_many_files_is_compressed_in_a_worker(
        self, storage: Storage, base: list[str]
    ) -> None:
        def change(root: Path) -> None:
            for number in range(1500):
                (root / f"home/{number}").write_bytes(b"%d" % number * 100)

        made = make(storage, base, change)
        assert made.size_bytes + 1500 * layers.ENTRY_BYTES > layers.SMALL_BYTES
        assert difference(storage, made, base) == ""
        # It was handed the archive; who has to read the files makes the same of them.
        assert layers.with_blobs(storage, [made._replace(blob=None)]) == [made]

    def test_many_layers(self, storage: Storage, base: list[str]) -> None:
        def work() -> list[str]:
            snapshot.enter_private()
            chain = list(base)
            for number in range(70):
                with Snapshot(storage, chain) as made:
                    Path(made.root, f"{number}").touch()
                    making = layers.commit(storage, made)
                    assert making
                    chain.append(making.finish().chain_id)
            return chain

        chain = in_child(work)
        assert len(look(storage, chain, os.listdir)) == 74
        mode = look(storage, chain, lambda root: (root / "usr/bin/tool").stat().st_mode)
        assert stat.S_IMODE(mode) == 0o4755


class TestBlobs:
    def test_are_made_when_an_image_needs_them(self, storage: Storage, base: list[str]) -> None:
        chain, bare = list(base), []
        for size in (10, 3 << 20, 2 << 20, 20):
            made = step(storage, chain, lambda root, n=size: (root / "f").write_bytes(bytes(n)))
            assert made and not made.blob
            chain.append(made.chain_id)
            bare.append(made)
        whole = layers.with_blobs(storage, bare)
        for number, layer in enumerate(whole):
            assert layer._replace(blob=None) == bare[number]
            assert difference(storage, layer, chain[: number + 1]) == ""
        assert layers.with_blobs(storage, whole) == whole
        assert os.listdir(storage.tmp_dir) == []

    def test_have_the_bytes_that_the_step_would_have_made(
        self, storage: Storage, base: list[str], tmp_path: Path
    ) -> None:
        def change(root: Path) -> None:
            (root / "etc/motd").write_bytes(b"some text " * 300_000)

        once = make(storage, base, change, epoch=5)
        for is_portable, is_same in ((True, True), (False, False)):
            bare = [once._replace(blob=None)]
            (again,) = layers.with_blobs(storage, bare, is_portable=is_portable)
            assert (again == once) is is_same

    def test_are_not_made_of_a_layer_that_was_tampered_with(
        self, storage: Storage, base: list[str]
    ) -> None:
        made = step(storage, base, lambda root: (root / "f").write_text("right"))
        assert made
        Path(snapshots.path(storage, made.chain_id), "f").write_text("wrong")
        before = os.listdir(f"{storage.blobs_dir}/sha256")
        with pytest.raises(CorruptContent, match="is not what it was"):
            layers.with_blobs(storage, [made])
        assert os.listdir(f"{storage.blobs_dir}/sha256") == before
        assert os.listdir(storage.tmp_dir) == []


class TestRelink:
    def test_the_same_layer_lies_on_others(self, storage: Storage, base: list[str]) -> None:
        def copy(root: Path) -> None:
            (root / "app").mkdir()
            (root / "app/a").write_text("x")
            (root / "app/b").hardlink_to(root / "app/a")

        linked = make(storage, [], copy)
        moved = layers.relink(storage, linked, base)
        assert (moved.diff_id, moved.blob) == (linked.diff_id, linked.blob)
        assert difference(storage, moved, base) == ""
        assert sorted(look(storage, [*base, moved.chain_id], os.listdir)) == [
            "app", "etc", "home", "usr", "var",
        ]  # fmt: skip
        assert layers.relink(storage, linked, base) == moved
        assert os.listdir(storage.tmp_dir) == []

    def test_what_was_written_on_nothing_can_lie_on_others_at_once(
        self, storage: Storage, base: list[str]
    ) -> None:
        made = step(storage, [], lambda root: (root / "f").touch(), parents=base, compress=True)
        assert made
        assert difference(storage, made, base) == ""
        assert "etc" in look(storage, [*base, made.chain_id], os.listdir)


class TestKilled:
    @pytest.mark.parametrize(
        ("moment", "epoch"), [(0.0, 5), (0.03, 5), (0.08, 5), (0.2, 5), (0.02, None), (0.05, None)]
    )
    def test_there_is_no_half_layer(
        self, storage: Storage, base: list[str], moment: float, epoch: int | None
    ) -> None:
        """Whoever is killed leaves nothing that anybody takes for a layer or a blob."""

        def work() -> None:
            snapshot.enter_private()
            with Snapshot(storage, base) as made:
                for number in range(800):
                    Path(made.root, f"home/{number}").write_bytes(bytes(2000))
                os.write(ready, b"x")
                making = layers.commit(storage, made, compress=True, epoch=epoch)
                assert making
                making.finish()

        reader, ready = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                work()
            finally:
                os._exit(0)
        os.read(reader, 1)
        time.sleep(moment)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(reader)
        os.close(ready)
        blobs.sweep(storage)
        assert os.listdir(storage.tmp_dir) == []
        whole = {"empty", base[0].partition(":")[2]}
        for name in set(os.listdir(storage.layers_dir)) - whole:
            assert len(os.listdir(f"{storage.layers_dir}/{name}/home")) == 800
        for name in os.listdir(f"{storage.blobs_dir}/sha256"):
            assert images.digest_of(blobs.read(storage, f"sha256:{name}")) == f"sha256:{name}"


class TestFullDisk:
    def test_a_blob_that_does_not_fit_leaves_nothing(self, tmp_path: Path) -> None:
        def work() -> list[list[str]]:
            snapshot.enter_private()
            mount.perform(mount.Mount("tmpfs", str(tmp_path), "tmpfs", 0, "size=20m"))
            storage = Storage(str(tmp_path / "store"))
            storages.create(storage)
            with Snapshot(storage, []) as made:
                Path(made.root, "big").write_bytes(os.urandom(12 << 20))
                making = layers.commit(storage, made, compress=True)
                assert making
                with pytest.raises(OSError, match="No space left"), making:
                    making.finish()
            assert difference_of_names(storage, making.layer.chain_id) == set()
            with pytest.raises(OSError, match="No space left"):
                layers.with_blobs(storage, [making.layer])
            return [os.listdir(storage.tmp_dir), os.listdir(f"{storage.blobs_dir}/sha256")]

        assert in_child(work) == [[], []]

    def test_nor_does_one_of_many_files(self, tmp_path: Path) -> None:
        """Its worker ends while it is still being handed the archive."""

        def work() -> list[list[str]]:
            snapshot.enter_private()
            mount.perform(mount.Mount("tmpfs", str(tmp_path), "tmpfs", 0, "size=20m"))
            storage = Storage(str(tmp_path / "store"))
            storages.create(storage)
            with Snapshot(storage, []) as made:
                for number in range(3000):
                    Path(made.root, f"{number}").write_bytes(os.urandom(4096))
                with pytest.raises(OSError, match="No space left"):
                    layers.commit(storage, made, compress=True)
            return [os.listdir(storage.tmp_dir), os.listdir(f"{storage.blobs_dir}/sha256")]

        assert in_child(work) == [[], []]


def difference_of_names(storage: Storage, chain_id: str) -> set[str]:
    """The layers that are there besides one."""
    return set(os.listdir(storage.layers_dir)) - {"empty", chain_id.partition(":")[2]}


class TestSquash:
    def test_what_one_adds_and_another_removes_leaves_nothing(
        self, storage: Storage, base: list[str]
    ) -> None:
        chain = list(base)
        for change in (
            lambda root: (root / "big").write_bytes(bytes(100_000)),
            lambda root: (root / "big").unlink(),
            lambda root: (root / "kept").touch(),
            lambda root: (root / "etc/motd").unlink(),
        ):
            made = step(storage, chain, change)
            assert made
            chain.append(made.chain_id)

        def work() -> tuple[str, str]:
            snapshot.enter_private()
            making = squash.squash(storage, base, chain[1:])
            assert making
            nothing = squash.squash(storage, base, chain[1:3])
            return making.finish().chain_id, nothing and nothing.finish()

        one, nothing = in_child(work)
        top = Path(snapshots.path(storage, one))
        assert sorted(str(path.relative_to(top)) for path in top.rglob("*")) == [
            "etc", "etc/motd", "kept",
        ]  # fmt: skip
        assert nothing is None
