"""-v and --tmpfs: their grammar."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cuddy.engine import volumes
from cuddy.engine.volumes import Bind
from cuddy.errors import InvalidArgument, SystemFailure


class TestBinds:
    @pytest.mark.parametrize(
        ("text", "bind"),
        [
            ("/a:/b", Bind("/a", "/b")),
            ("/a:/b:ro", Bind("/a", "/b", read_only=True)),
            ("/a:/b:ro,rw", Bind("/a", "/b")),
            ("/a:/b:rslave", Bind("/a", "/b", propagation="rslave")),
            ("/a:/b:z,ro,cached", Bind("/a", "/b", read_only=True)),
            ("/a/../c:/b/./d/../e/", Bind("/c", "/b/e")),
            ("/:/host", Bind("/", "/host")),
            ("//a:/b", Bind("/a", "/b")),
            ("/a b,c:/ünï\n", Bind("/a b,c", "/ünï\n")),
        ],
    )
    def test_source_target_and_options(self, text: str, bind: Bind) -> None:
        assert volumes.parse_bind(text) == bind

    @pytest.mark.parametrize(
        "text",
        [
            "", "/a", "/a:", ":/b", "a:/b", "./a:/b", "name:/b", "/a:b", "/a:/", "/a:/..",
            "/a:/b/..", "/a:/b:", "/a:/b:warp", "/a:/b:RO", "/a:/b:ro:rw", "/a:/b:ro,,rw",
            "/a\0:/b", "/a:/b\0",
        ],
    )  # fmt: skip
    def test_nonsense_is_refused(self, text: str) -> None:
        with pytest.raises(InvalidArgument):
            volumes.parse_bind(text)

    def test_a_name_says_that_named_volumes_are_not_there_yet(self) -> None:
        with pytest.raises(InvalidArgument) as caught:
            volumes.parse_bind("data:/b")
        assert "named volumes" in caught.value.hint

    def test_in_config_json_a_bind_has_its_mode_and_propagation(self) -> None:
        assert volumes.bind_entry(Bind("/a", "/b", True, "rshared")) == {
            "destination": "/b",
            "type": "bind",
            "source": "/a",
            "options": ["rbind", "rshared", "rro"],
        }


class TestSources:
    def test_a_missing_one_becomes_a_directory(self, tmp_path: Path) -> None:
        volumes.make_source(Bind(f"{tmp_path}/a/b", "/x"))
        assert (tmp_path / "a/b").is_dir()

    def test_a_dangling_link_is_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to("nowhere")
        volumes.make_source(Bind(f"{tmp_path}/link", "/x"))
        assert os.listdir(tmp_path) == ["link"]

    def test_one_that_cannot_be_made_is_an_error_with_its_name(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(SystemFailure, match="file/below"):
            volumes.make_source(Bind(f"{tmp_path}/file/below", "/x"))


class TestTmpfs:
    @pytest.mark.parametrize(
        ("text", "parsed"),
        [
            ("/t", ("/t", "")),
            ("/t/../u/", ("/u", "")),
            ("/t:size=1m,mode=700,exec", ("/t", "size=1m,mode=700,exec")),
            ("/t:", ("/t", "")),
        ],
    )
    def test_target_and_options(self, text: str, parsed: tuple[str, str]) -> None:
        assert volumes.parse_tmpfs(text) == parsed

    @pytest.mark.parametrize(
        "text",
        [
            "", "t", "/", "/t:warp", "/t:size", "/t:mpol=bind", "/t:bind", "/t:rbind",
            "/t:remount,rw", "/t:size=1m,,exec",
        ],
    )  # fmt: skip
    def test_nonsense_is_refused(self, text: str) -> None:
        with pytest.raises(InvalidArgument):
            volumes.parse_tmpfs(text)

    def test_it_is_closed_unless_asked_otherwise(self) -> None:
        entry = volumes.tmpfs_entry("/t", "exec,size=1m")
        assert entry["options"] == ["nosuid", "nodev", "noexec", "exec", "size=1m"]


class TestDuplicates:
    def test_two_things_at_one_place_are_refused(self) -> None:
        with pytest.raises(InvalidArgument, match="duplicate mount point: /x"):
            volumes.check_duplicates(["/x", "/y", "/x"])

    def test_one_below_the_other_is_fine(self) -> None:
        volumes.check_duplicates(["/x", "/x/y", "/x/z"])
