"""The store of volumes: grammar of names and options, making, holding, removing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cuddy.engine import volumes
from cuddy.engine.home import Home
from cuddy.engine.volumes import Hold
from cuddy.errors import CorruptContent, InUse, InvalidArgument, NoSuchVolume


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Directories as `open_home` makes them."""
    for name in ("containers", "tmp"):
        (tmp_path / name).mkdir()
    return Home(str(tmp_path), str(tmp_path / "run"))


class TestNames:
    @pytest.mark.parametrize("name", ["ab", "a.b_c-d", "0x", "A1", "x" * 255])
    def test_dockers_grammar(self, name: str) -> None:
        volumes.check_name(name)

    @pytest.mark.parametrize("name", ["", ".a", "-a", "a/b", "a b", "ä1", "a\n", "..", "x" * 256])
    def test_others_are_refused(self, name: str) -> None:
        with pytest.raises(InvalidArgument, match="create "):
            volumes.check_name(name)

    def test_a_path_gets_a_hint_in_dockers_words(self) -> None:
        with pytest.raises(InvalidArgument) as caught:
            volumes.check_name("a/b")
        assert caught.value.message == (
            'create a/b: "a/b" includes invalid characters for a local volume name, only '
            '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, '
            "use absolute path"
        )


class TestOptions:
    def test_those_of_mount(self) -> None:
        volumes.check_options({})
        volumes.check_options({"type": "nfs", "device": ":/x", "o": "addr=1.2.3.4"})

    @pytest.mark.parametrize(
        ("options", "complaint"),
        [
            ({"warp": "1"}, 'invalid option: "warp"'),
            ({"type": "nfs"}, 'missing required option: "device"'),
            ({"device": "x"}, 'missing required option: "type"'),
            ({"o": "ro", "type": "nfs"}, 'missing required option: "device"'),
            ({"size": "1m"}, "quota size requested but no quota support"),
        ],
    )
    def test_others_are_refused(self, options: dict[str, str], complaint: str) -> None:
        with pytest.raises(InvalidArgument, match=complaint):
            volumes.check_options(options)


class TestStore:
    def test_one_is_made_once(self, home: Home) -> None:
        first = volumes.create(home, {"name": "data", "labels": {"a": "b"}})
        assert volumes.create(home, {"name": "data", "labels": {"a": "c"}}) == first
        assert [each["Name"] for each in volumes.list_volumes(home)] == ["data"]
        assert os.listdir(home.tmp_dir) == []

    def test_who_waits_for_one_that_is_removed_makes_it_anew(self, home: Home) -> None:
        volumes.create(home, {"name": "data"})
        with Hold(home, "data"):
            second = Hold(home, "data", {"name": "data"})
            assert not second.attempt()
            doomed = volumes.take_away(home, "data")
        with second:
            assert os.path.isdir(f"{home.volumes_dir}/data/_data")
        volumes.delete(home, "data", doomed)

    def test_one_in_use_is_not_removed(self, home: Home) -> None:
        volumes.create(home, {"name": "data"})
        users = Path(home.volumes_dir, "data/users")
        (users / "gone").touch()
        (users / "there").touch()
        os.mkdir(home.container_dir("there"))
        with pytest.raises(InUse, match=r"remove data: volume is in use - \[there\]"):
            volumes.remove(home, "data")
        os.rmdir(home.container_dir("there"))
        volumes.remove(home, "data")
        assert os.listdir(home.volumes_dir) == os.listdir(home.tmp_dir) == []

    def test_what_is_not_there_is_an_error_unless_forced(self, home: Home) -> None:
        for name in ("data", "../tmp"):
            with pytest.raises(NoSuchVolume):
                volumes.remove(home, name)
            volumes.remove(home, name, force=True)
        assert os.path.isdir(home.tmp_dir)

    @pytest.mark.parametrize("text", ["", "[]", '{"Name": 1}', "{"])
    def test_a_broken_record_is_said_to_be_broken(self, home: Home, text: str) -> None:
        volumes.create(home, {"name": "data"})
        Path(home.volumes_dir, "data/volume.json").write_text(text)
        with pytest.raises(CorruptContent, match="data"):
            volumes.read(home, "data")
        assert volumes.list_volumes(home) == []
