"""The grammar of -v, --tmpfs, --volumes-from and of mounts in Docker's JSON; moby's words."""

from __future__ import annotations

import re
from typing import Any

import pytest

from cuddy.engine import mount_grammar
from cuddy.errors import InvalidArgument


class TestVolumes:
    @pytest.mark.parametrize(
        ("text", "spec"),
        [
            ("/a:/b", {"Type": "bind", "Source": "/a", "Target": "/b"}),
            ("data:/b", {"Type": "volume", "Source": "data", "Target": "/b"}),
            ("/data", {"Type": "volume", "Source": "", "Target": "/data"}),
            ("data:/b:ro", {"Type": "volume", "Source": "data", "Target": "/b", "ReadOnly": True}),
            ("/a b,c:/ünï\n", {"Type": "bind", "Source": "/a b,c", "Target": "/ünï\n"}),
        ],
    )
    def test_source_and_target(self, text: str, spec: dict[str, Any]) -> None:
        parsed: dict[str, Any] = dict(mount_grammar.parse_volume(text).spec)
        parsed.pop("BindOptions", None)
        assert parsed == spec

    def test_a_missing_source_is_to_be_made(self) -> None:
        spec = mount_grammar.parse_volume("/a:/b:rslave").spec
        assert spec["BindOptions"] == {"CreateMountpoint": True, "Propagation": "rslave"}

    def test_no_copy(self) -> None:
        spec = mount_grammar.parse_volume("data:/b:nocopy,ro,z").spec
        assert spec["VolumeOptions"] == {"NoCopy": True}

    def test_the_mode_is_kept_as_it_was_written(self) -> None:
        assert mount_grammar.parse_volume("/a:/b:z,ro,cached").mode == "z,ro,cached"

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("", "invalid volume specification: ''"),
            (":/b", "invalid volume specification: ':/b'"),
            ("/a:", "invalid volume specification: '/a:'"),
            ("/data:ro", "invalid volume specification: '/data:ro'"),
            ("/data:rw,z", "invalid volume specification: '/data:rw,z'"),
            ("/a:/b:ro:rw", "invalid volume specification: '/a:/b:ro:rw'"),
            ("/a\0:/b", "invalid volume specification"),
            ("/a:/b:warp", "invalid mode: warp"),
            ("/a:/b:RO", "invalid mode: RO"),
            ("/a:/b:ro,rw", "invalid mode: ro,rw"),
            ("/a:/b:ro,,z", "invalid mode: ro,,z"),
            ("/a:/b:z,Z", "invalid mode: z,Z"),
            ("/a:/b:slave,shared", "invalid mode: slave,shared"),
            (
                "/a:b",
                "invalid volume specification: '/a:b': invalid mount config for type \"bind\": "
                "invalid mount path: 'b' mount path must be absolute",
            ),
            (
                "/a:/b/..",
                "invalid volume specification: '/a:/b/..': invalid mount config for type "
                "\"bind\": invalid specification: destination can't be '/'",
            ),
            (
                "data:/b:rslave",
                "invalid volume specification: 'data:/b:rslave': invalid mount config for type "
                '"volume": field BindOptions must not be specified',
            ),
            ("data", "invalid mount path: 'data' mount path must be absolute"),
        ],
    )
    def test_nonsense_is_refused_in_dockers_words(self, text: str, complaint: str) -> None:
        with pytest.raises(InvalidArgument, match=re.escape(complaint)):
            mount_grammar.parse_volume(text)

    @pytest.mark.parametrize(
        ("mode", "owner"),
        [("map", "source"), ("ro,map=5", "5"), ("map=5:6,Z", "5:6"), ("ro", None)],
    )
    def test_whose_the_files_are(self, mode: str, owner: str | None) -> None:
        volume = mount_grammar.parse_volume(f"/a:/b:{mode}")
        assert (volume.mode, volume.spec.get("Map")) == (mode, owner)


class TestVolumesFrom:
    @pytest.mark.parametrize(
        ("text", "parsed"),
        [
            ("box", ("box", False)),
            ("box:", ("box", False)),
            ("box:rw", ("box", False)),
            ("box:ro", ("box", True)),
            ("box:z,ro", ("box", True)),
        ],
    )
    def test_container_and_mode(self, text: str, parsed: tuple[str, bool]) -> None:
        assert mount_grammar.parse_volumes_from(text) == parsed

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("", "volumes-from specification cannot be an empty string"),
            (":ro", "volumes-from specification cannot be an empty string"),
            ("box:warp", "invalid mode: warp"),
            ("box:rslave", "invalid mode: rslave"),
            ("box:nocopy", "invalid mode: nocopy"),
        ],
    )
    def test_nonsense_is_refused(self, text: str, complaint: str) -> None:
        with pytest.raises(InvalidArgument, match=complaint):
            mount_grammar.parse_volumes_from(text)


class TestSpecs:
    @pytest.mark.parametrize(
        ("spec", "complaint"),
        [
            ({"Type": "bind", "Source": "/a"}, 'for type "bind": field Target must not be empty'),
            ({"Type": "bind", "Target": "/a"}, "field Source must not be empty"),
            ({"Type": "bind", "Source": "a", "Target": "/b"}, "mount path must be absolute"),
            ({"Type": "warp", "Target": "/b"}, 'for type "warp": mount type unknown'),
            ({"Type": "tmpfs", "Target": "/b", "Source": "x"}, "field Source must not be specif"),
            ({"Type": "image", "Target": "/b"}, "field Source must not be empty"),
            (
                {"Type": "bind", "Source": "/a", "Target": "/b",
                 "BindOptions": {"Propagation": "warp"}},
                "invalid propagation mode: warp",
            ),
            (
                {"Type": "volume", "Target": "/b", "VolumeOptions": {"Subpath": "x"}},
                "must not set Subpath when using anonymous volumes",
            ),
            (
                {"Type": "volume", "Source": "vv", "Target": "/b",
                 "VolumeOptions": {"Subpath": "a/../../x"}},
                "subpath must be a relative path within the volume",
            ),
            (
                {"Type": "volume", "Source": "vv", "Target": "/b",
                 "VolumeOptions": {"Subpath": "/x"}},
                "subpath must be a relative path within the volume",
            ),
            (
                {"Type": "volume", "Target": "/b", "ReadOnly": True},
                "must not set ReadOnly mode when using anonymous volumes",
            ),
        ],
    )  # fmt: skip
    def test_nonsense_is_refused_in_dockers_words(self, spec: Any, complaint: str) -> None:
        with pytest.raises(InvalidArgument, match="invalid mount config") as caught:
            mount_grammar.check_spec(spec)
        assert complaint in caught.value.message

    def test_a_tmpfs_has_size_and_mode(self) -> None:
        options = {"SizeBytes": 1 << 20, "Mode": 0o1700, "Options": [["exec"]]}
        spec: Any = {"Type": "tmpfs", "Target": "/t", "ReadOnly": True, "TmpfsOptions": options}
        assert mount_grammar.tmpfs_options(spec) == "ro,mode=1700,size=1048576,exec"


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
        assert mount_grammar.parse_tmpfs(text) == parsed

    @pytest.mark.parametrize(
        "text",
        [
            "", "t", "/", "/t:warp", "/t:size", "/t:bind", "/t:rbind", "/t:remount,rw",
            "/t:size=1m,,exec",
        ],
    )  # fmt: skip
    def test_nonsense_is_refused(self, text: str) -> None:
        with pytest.raises(InvalidArgument):
            mount_grammar.parse_tmpfs(text)
