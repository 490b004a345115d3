from __future__ import annotations

import json
import math
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy import files

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


class TestJSON:
    """Text is JSON as the standard library's `json` reads and writes it."""

    @given(JSON)
    def test_what_is_written_can_be_read_by_json_and_by_us(self, value: object) -> None:
        text = files.format_json(value)
        assert text == json.dumps(value, separators=(",", ":"))
        assert files.parse_json(text) == value
        assert files.parse_json(json.dumps(value, ensure_ascii=False, indent=1).encode()) == value

    @pytest.mark.parametrize(
        "text",
        [
            b"",
            b"   ",
            b"{",
            b'{"a":}',
            b"[1,]",
            b"1 2",
            b'{"a":1}x',
            b"nul",
            b"NaN",
            b"Infinity",
            b"-Infinity",
            b'"\xff"',
            b'"\n"',
            b"'a'",
            b"{1:2}",
            b"[" * 100_000,
            b'{"a":' * 100_000,
        ],
    )
    def test_anything_else_is_a_value_error(self, text: bytes) -> None:
        with pytest.raises(ValueError):
            files.parse_json(text)

    def test_what_json_cannot_say_is_refused(self) -> None:
        with pytest.raises(TypeError):
            files.format_json({"a": b"bytes"})
        with pytest.raises(ValueError):
            files.format_json([math.nan])

    def test_key_order_and_big_numbers_survive(self) -> None:
        text = '{"z":1,"a":18446744073709551616}'
        assert files.format_json(files.parse_json(text)) == text

    def test_nonsense_is_the_same_error_where_json_was_never_imported(self) -> None:
        """As in every command: Python 3.11's scanner then has no exception to raise."""
        source = str(Path(files.__file__).parents[1])
        script = (
            f"import sys; sys.path.insert(0, {source!r}); from cuddy import files\n"
            "for text in sys.argv[1:]:\n"
            "    try: files.parse_json(text)\n"
            "    except ValueError: print('ValueError')\n"
        )
        texts = ["{", '"open', "[1 2]", "{1:2}", '"\\q"', "nul", ""]
        command = [sys.executable, "-I", "-S", "-c", script, *texts]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert out.split() == ["ValueError"] * len(texts)


class TestWriting:
    def test_a_file_is_private_unless_asked_otherwise(self, tmp_path: Path) -> None:
        files.write(str(tmp_path / "a"), b"x")
        files.write(str(tmp_path / "b"), b"x", mode=0o644)
        assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
        assert (tmp_path / "b").stat().st_mode & 0o777 == 0o644

    def test_a_link_is_replaced_and_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "target").write_text("kept")
        (tmp_path / "link").symlink_to("target")
        files.write_json(str(tmp_path / "link"), [1])
        assert (tmp_path / "target").read_text() == "kept"
        assert files.read_json(str(tmp_path / "link")) == [1]

    def test_reading_refuses_links_and_what_is_too_large(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"12345")
        (tmp_path / "link").symlink_to("file")
        assert files.read_bytes(str(tmp_path / "file"), limit=5) == b"12345"
        with pytest.raises(ValueError, match="larger than 4 bytes"):
            files.read_bytes(str(tmp_path / "file"), limit=4)
        with pytest.raises(OSError):
            files.read_bytes(str(tmp_path / "link"))

    def test_a_pipe_or_device_in_its_place_does_not_block(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "fifo")
        for path in (tmp_path / "fifo", Path("/dev/zero")):
            with pytest.raises(ValueError, match="not a regular file"):
                files.read_bytes(str(path))

    def test_a_failed_write_leaves_the_old_file_and_no_temporary(self, tmp_path: Path) -> None:
        (tmp_path / "target").mkdir()
        (tmp_path / "target/child").write_text("in the way of the rename")
        with pytest.raises(OSError):
            files.write(str(tmp_path / "target"), b"x")
        assert [path.name for path in tmp_path.iterdir()] == ["target"]

    def test_a_small_file_can_be_replaced_in_its_own_room(self, tmp_path: Path) -> None:
        path = str(tmp_path / "file")
        files.write_json(path, {"long": "x" * 100})
        files.overwrite(path, b'{"short":1}')
        assert files.read_json(path) == {"short": 1}

    def test_a_writer_killed_at_any_moment_leaves_old_or_new(self, tmp_path: Path) -> None:
        """Killed half-way a hundred times, the file is always whole and the rest is swept."""
        path = str(tmp_path / "state.json")
        files.write_json(path, ["old"] * 20_000)
        fork = multiprocessing.get_context("fork")
        for round_ in range(100):
            writer = fork.Process(target=write_for_ever, args=(path,))
            writer.start()
            time.sleep(0.001 + round_ / 20_000)
            assert writer.pid
            os.kill(writer.pid, signal.SIGKILL)
            writer.join()
            writer.close()
            assert len(set(files.read_json(path))) == 1
        files.sweep_temporary(str(tmp_path))
        assert [item.name for item in tmp_path.iterdir()] == ["state.json"]


def write_for_ever(path: str) -> None:
    while True:
        for word in ("new", "newer"):
            files.write_json(path, [word] * 20_000, durable=False)


class TestTemporaryNames:
    def test_ours_are_in_use_and_unlike(self) -> None:
        names = {files.name_temporary() for _ in range(100)}
        assert len(names) == 100
        assert not any(map(files.is_abandoned, names))

    def test_a_dead_owners_name_is_abandoned(self) -> None:
        print_name = "from cuddy import files; print(files.name_temporary())"
        command = [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; {print_name}"]
        name = subprocess.check_output(command, text=True).strip()
        assert files.is_abandoned(name)
        assert files.is_abandoned(f"container.json.{name}")

    def test_a_reused_pid_does_not_protect(self) -> None:
        pid, began, rest = files.name_temporary().split("-")
        assert files.is_abandoned(f"{pid}-{int(began) - 1}-{rest}")

    @pytest.mark.parametrize(
        "name",
        [
            "",
            ".tmp",
            "x.tmp",
            "1-2.tmp",
            "a-b-c.tmp",
            "1-1-aa",
            "p",
            f"{'1' * 300}-1-aa.tmp",
        ],
    )
    def test_names_of_another_form_are_left_alone(self, name: str) -> None:
        assert not files.is_abandoned(name)

    def test_sweeping_removes_only_the_abandoned(self, tmp_path: Path) -> None:
        ours = files.name_temporary()
        theirs = "1-1-0123456789ab.tmp"
        for name in (ours, theirs):
            (tmp_path / name / "inner").mkdir(parents=True)
        (tmp_path / "other").touch()
        files.sweep_temporary(str(tmp_path))
        assert {path.name for path in tmp_path.iterdir()} == {ours, "other"}
        files.sweep_temporary(str(tmp_path / "missing"))


class TestLocks:
    def test_only_one_has_it_and_a_dead_holder_gives_it_up(self, tmp_path: Path) -> None:
        path = str(tmp_path / "lock")
        code = (
            "import sys; from cuddy import files\nwith files.Lock(sys.argv[1]): print(1); input()"
        )
        command = [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{code}", path]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, bufsize=0) as holder:
            assert holder.stdout
            holder.stdout.readline()
            lock = files.Lock(path)
            assert not lock.attempt()
            holder.kill()
            holder.wait()
            assert lock.attempt()
            lock.close()
            lock.close()

    def test_readers_share_and_keep_writers_out(self, tmp_path: Path) -> None:
        path = str(tmp_path / "lock")
        with files.Lock(path, shared=True):
            reader, writer = files.Lock(path, shared=True), files.Lock(path)
            assert reader.attempt()
            assert not writer.attempt()
            reader.close()
        assert writer.attempt()
        writer.close()


class TestRemovingTrees:
    def test_links_are_removed_and_not_followed(self, tmp_path: Path) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "precious").touch()
        tree = tmp_path / "tree"
        tree.mkdir()
        (tree / "to_directory").symlink_to(outside)
        (tree / "to_nothing").symlink_to("nowhere")
        (tree / "to_itself").symlink_to(tree)
        (tree / "hard").hardlink_to(outside / "precious")
        os.mkfifo(tree / "fifo")
        files.remove_tree(str(tree))
        assert not tree.exists()
        assert (outside / "precious").exists()

    def test_a_link_itself_a_file_and_nothing_at_all(self, tmp_path: Path) -> None:
        (tmp_path / "kept").mkdir()
        (tmp_path / "link").symlink_to("kept")
        (tmp_path / "file").touch()
        for name in ("link", "file", "missing"):
            files.remove_tree(str(tmp_path / name))
        files.remove_tree(str(tmp_path / "missing/parent"))
        assert [path.name for path in tmp_path.iterdir()] == ["kept"]

    def test_a_directory_is_emptied_but_for_some_names(self, tmp_path: Path) -> None:
        for name in ("kept", "file", "other"):
            (tmp_path / name).touch()
        (tmp_path / "full/inner/empty").mkdir(parents=True)
        (tmp_path / "full/inner/file").touch()
        files.clear_directory(str(tmp_path), but=("kept", "missing"))
        assert os.listdir(tmp_path) == ["kept"]

    def test_what_others_put_in_and_take_out_meanwhile(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tree = tmp_path / "tree"
        tree.mkdir()
        for name in "abc":
            (tree / name).touch()
        listdir, rmdir, late = os.listdir, os.rmdir, ["late", "later"]

        def list_too_early(fd: int) -> list[str]:
            found = listdir(fd)
            (tree / found[0]).unlink(missing_ok=True) if found else None
            return found

        def find_it_full(name: str, *, dir_fd: int) -> None:
            if late:
                (tree / late.pop()).touch()
            rmdir(name, dir_fd=dir_fd)

        monkeypatch.setattr(os, "listdir", list_too_early)
        monkeypatch.setattr(os, "rmdir", find_it_full)
        files.remove_tree(str(tree))
        monkeypatch.undo()
        assert list(tmp_path.iterdir()) == []

    def test_a_tree_five_thousand_deep(self, tmp_path: Path) -> None:
        """Deeper than Python recurses, than a path is long, than a process may open files."""
        fd = os.open(tmp_path, os.O_RDONLY)
        for _ in range(5_000):
            os.mkdir("deep", dir_fd=fd)
            inner = os.open("deep", os.O_RDONLY, dir_fd=fd)
            os.close(fd)
            fd = inner
        os.mkdir("bottom", dir_fd=fd)
        os.close(fd)
        files.remove_tree(str(tmp_path / "deep"))
        assert list(tmp_path.iterdir()) == []

    def test_thousands_of_files_and_names_that_are_not_text(self, tmp_path: Path) -> None:
        tree = tmp_path / "tree"
        tree.mkdir()
        for number in range(2_000):
            os.close(os.open(tree / f"{number}", os.O_CREAT | os.O_WRONLY))
        (Path(os.fsdecode(bytes(tree) + b"/\xff\xfe \n"))).mkdir()
        files.remove_tree(str(tree))
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.root
    def test_a_mounted_file_system_is_not_crossed(self, tmp_path: Path) -> None:
        point = tmp_path / "tree/inner/mounted"
        point.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "none", point], check=True)
        (point / "precious").touch()
        try:
            with pytest.raises(OSError):
                files.remove_tree(str(tmp_path / "tree"))
            assert (point / "precious").exists()
        finally:
            subprocess.run(["umount", point], check=True)

    @pytest.mark.root
    def test_a_bind_mount_of_the_same_file_system_is_not_crossed(self, tmp_path: Path) -> None:
        """The device number is the same on both sides here, so it cannot be what stops us."""
        precious = tmp_path / "precious"
        precious.mkdir()
        (precious / "file").touch()
        point = tmp_path / "tree/mounted"
        point.mkdir(parents=True)
        subprocess.run(["mount", "--bind", precious, point], check=True)
        try:
            with pytest.raises(OSError):
                files.remove_tree(str(tmp_path / "tree"))
            assert (precious / "file").exists()
        finally:
            subprocess.run(["umount", point], check=True)


def test_missing_directories_are_made_and_list_as_empty(tmp_path: Path) -> None:
    path = tmp_path / "a/b/c"
    assert files.list_directory(str(path)) == []
    files.make_directory(str(path))
    files.make_directory(str(path))
    assert path.stat().st_mode & 0o777 == 0o700
    assert files.list_directory(str(tmp_path)) == ["a"]


def test_a_process_has_one_start_time_until_it_is_gone() -> None:
    with subprocess.Popen(["sleep", "100"]) as process:
        first = files.start_time(process.pid)
        assert first == files.start_time(process.pid) > 0
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert files.start_time(process.pid) == 0, "a zombie is not alive"
    assert files.start_time(process.pid) == 0


def test_a_process_may_have_brackets_in_its_name(tmp_path: Path) -> None:
    program = tmp_path / "a) 1 2 (b"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([program, "100"]) as process:
        assert files.start_time(process.pid) > 0
        process.kill()


def test_times_are_written_as_docker_writes_them() -> None:
    assert files.format_time(1_700_000_000_000_000_042) == "2023-11-14T22:13:20.000000042Z"
    before = time.time_ns()
    assert files.format_time(before) <= files.now() <= files.format_time(time.time_ns())


def test_a_directory_that_cannot_be_made_is_an_error_and_no_endless_try() -> None:
    with pytest.raises(OSError):
        files.make_directory("/proc/no-such-place/below")


def test_directories_are_made_by_several_at_the_same_time(tmp_path: Path) -> None:
    for number in range(50):
        path = str(tmp_path / f"{number}/a/b/c")
        pids = []
        for _ in range(3):
            pid = os.fork()
            if pid == 0:
                try:
                    files.make_directory(path)
                except BaseException:
                    os._exit(1)
                os._exit(0)
            pids.append(pid)
        assert [os.waitpid(pid, 0)[1] for pid in pids] == [0, 0, 0]


def test_a_file_in_the_place_of_a_directory_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        files.make_directory(str(tmp_path / "file"))
