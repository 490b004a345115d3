"""Devices that vendors have named: what of their files is believed, and what it makes of a config.

Specification: https://github.com/cncf-tags/container-device-interface, SPEC.md.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cuddy.engine import cdi, gpus
from cuddy.errors import InvalidArgument

EDITS = {
    "env": ["A=new", "B=2"],
    "deviceNodes": [{"path": "/dev/mine", "hostPath": "/dev/null", "permissions": "r", "gid": 7}],
    "mounts": [{"hostPath": "/usr/lib/x.so", "containerPath": "/lib/x.so", "options": ["ro"]}],
    "hooks": [{"hookName": "createContainer", "path": "/bin/ldc", "args": ["ldc"], "extra": 1}],
    "additionalGids": [44],
}


def write(directory: Path, name: str, spec: Any) -> None:
    directory.mkdir(exist_ok=True)
    (directory / name).write_text(spec if isinstance(spec, str) else json.dumps(spec))


def spec(kind: str, *names: str, edits: Any = None, common: Any = None) -> dict[str, Any]:
    devices = [{"name": name, "containerEdits": edits or {"env": [f"D={name}"]}} for name in names]
    return {"cdiVersion": "0.6.0", "kind": kind, "devices": devices, "containerEdits": common or {}}


def find(tmp_path: Path, *names: str) -> cdi.Edits:
    request = {"Driver": "cdi", "DeviceIDs": list(names), "Capabilities": None}
    return cdi.find([request], [str(tmp_path / "etc"), str(tmp_path / "run")])


class TestNames:
    @pytest.mark.parametrize("name", ["vendor.com/class=x", "a/b=0", "v-1.io/net_2=a:b.c"])
    def test_names(self, name: str) -> None:
        assert cdi.is_name(name)

    @pytest.mark.parametrize(
        "name",
        ["/dev/null", "vendor.com/class", "/class=x", "v/=x", "v/c=", "1v/c=x", "v/c.d=x", "v/c=-x",
         "v./c=x", "/dev/x=y:rw", "v/c=a/b"],
    )  # fmt: skip
    def test_paths_and_nonsense(self, name: str) -> None:
        assert not cdi.is_name(name)


class TestFiles:
    def test_what_all_need_comes_once_and_first(self, tmp_path: Path) -> None:
        write(tmp_path / "etc", "v.json", spec("v.io/x", "a", "b", common={"env": ["ALL=1"]}))
        assert find(tmp_path, "v.io/x=b", "v.io/x=a").env == ("ALL=1", "D=b", "D=a")

    def test_the_second_directory_hides_the_first(self, tmp_path: Path) -> None:
        write(tmp_path / "etc", "v.json", spec("v.io/x", "a", edits={"env": ["FROM=etc"]}))
        write(tmp_path / "run", "v.json", spec("v.io/x", "a", edits={"env": ["FROM=run"]}))
        assert find(tmp_path, "v.io/x=a").env == ("FROM=run",)

    def test_the_same_name_twice_in_one_is_an_error(self, tmp_path: Path) -> None:
        for name in ("1.json", "2.json"):
            write(tmp_path / "etc", name, spec("v.io/x", "a"))
        with pytest.raises(InvalidArgument, match=r"CDI device v.io/x=a is in .*1.json and in"):
            find(tmp_path, "v.io/x=a")

    def test_a_name_that_nobody_knows_is_dockers_error(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidArgument, match="unresolvable CDI devices v.io/x=a, v.io/x=b"):
            find(tmp_path, "v.io/x=a", "v.io/x=b")

    def test_gpus_without_their_file_are_dockers_error(self, tmp_path: Path) -> None:
        write(tmp_path, "nvidia.yaml", "kind: nvidia.com/gpu")
        match = r'could not select device driver "" with capabilities: \[\[gpu\]\]'
        with pytest.raises(InvalidArgument, match=match) as caught:
            cdi.find([gpus.parse("all")], [str(tmp_path)])
        assert "only JSON is read" in caught.value.hint

    @pytest.mark.parametrize(
        "text",
        ["", "[]", "{}", '{"kind": 1, "devices": []}', '{"kind": "v.io/x", "devices": [1]}',
         '{"kind": "v.io/x", "devices": [{"name": "a", "containerEdits": []}]}', "[" * 100_000],
    )  # fmt: skip
    def test_what_is_no_specification_is_an_error(self, tmp_path: Path, text: str) -> None:
        write(tmp_path / "etc", "v.json", text)
        with pytest.raises(InvalidArgument, match="CDI specification"):
            find(tmp_path, "v.io/x=a")

    @pytest.mark.parametrize(
        "edits",
        [{"deviceNodes": [{}]}, {"deviceNodes": ["x"]}, {"mounts": [{"hostPath": "/x"}]},
         {"mounts": [{"hostPath": "/x", "containerPath": "x"}]}, {"hooks": [{"hookName": "never"}]},
         {"hooks": 5}, {"additionalGids": ["x"]}],
    )  # fmt: skip
    def test_edits_that_make_no_sense_are_an_error(self, tmp_path: Path, edits: Any) -> None:
        write(tmp_path / "etc", "v.json", spec("v.io/x", "a", edits=edits))
        with pytest.raises(InvalidArgument, match="CDI specification is malformed"):
            find(tmp_path, "v.io/x=a")


def test_edits_are_made(tmp_path: Path) -> None:
    write(tmp_path / "etc", "v.json", spec("v.io/x", "a", edits=EDITS))
    config: Any = {
        "process": {"env": ["A=old", "C=3"], "user": {"additionalGids": [1]}},
        "mounts": [],
        "linux": {"devices": [], "resources": {"devices": []}},
    }
    cdi.apply(config, find(tmp_path, "v.io/x=a"))
    assert config["process"] == {
        "env": ["C=3", "A=new", "B=2"],
        "user": {"additionalGids": [1, 44]},
    }
    device = config["linux"]["devices"][0]
    assert (device["path"], device["major"], device["minor"], device["gid"]) == (
        "/dev/mine",
        1,
        3,
        7,
    )
    assert config["linux"]["resources"]["devices"] == [
        {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "r"}
    ]
    assert config["mounts"] == [
        {"destination": "/lib/x.so", "type": "bind", "source": "/usr/lib/x.so", "options": ["ro"]}
    ]
    assert config["hooks"] == {"createContainer": [{"path": "/bin/ldc", "args": ["ldc"]}]}
