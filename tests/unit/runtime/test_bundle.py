"""Bundles: what is refused before anything is touched (runtime-spec, bundle.md and config.md)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.errors import InvalidArgument
from cuddy.runtime import bundle, state


def config(**changes: Any) -> Any:
    """A config.json that is fine, with these fields replaced (or, by None, taken out)."""
    document = {
        "ociVersion": "1.2.0",
        "root": {"path": "/"},
        "process": {"args": ["sh"], "cwd": "/"},
        "linux": {"namespaces": [{"type": "mount"}, {"type": "uts"}]},
    } | changes
    return {name: value for name, value in document.items() if value is not None}


MAPPING = {"containerID": 0, "hostID": 1, "size": 1}


def limit(soft: int, hard: int) -> Any:
    return {"type": "RLIMIT_NOFILE", "soft": soft, "hard": hard}


def linux(*kinds: str) -> Any:
    return {"namespaces": [{"type": kind} for kind in kinds]}


def process(**changes: Any) -> Any:
    return {"args": ["sh"], "cwd": "/"} | changes


class TestRefused:
    @pytest.mark.parametrize(
        ("changes", "complaint"),
        [
            ({"ociVersion": None}, "ociVersion"),
            ({"ociVersion": "2.0.0"}, "2.0.0"),
            ({"ociVersion": "11.0"}, "11.0"),
            ({"ociVersion": 7}, "ociVersion is no text"),
            ({"root": None}, "root.path"),
            ({"root": {}}, "root.path"),
            ({"root": {"path": ""}}, "root.path"),
            ({"process": process(args=[])}, "args"),
            ({"process": {"cwd": "/"}}, "args"),
            ({"process": process(cwd="tmp")}, "cwd"),
            ({"process": process(cwd="")}, "cwd"),
            ({"process": {"args": ["sh"]}}, "cwd"),
            ({"process": process(args=["a\0b"])}, "NUL"),
            ({"process": process(env=["A=\0"])}, "NUL"),
            ({"linux": linux("mount", "warp")}, "warp"),
            ({"linux": linux("mount", "pid", "pid")}, "pid"),
            ({"linux": linux("pid") | {"maskedPaths": ["/x"]}}, "private MNT namespace"),
            ({"linux": linux("pid") | {"readonlyPaths": ["/x"]}}, "private MNT namespace"),
            ({"linux": linux("mount") | {"rootfsPropagation": "up"}}, "up"),
            ({"linux": linux("mount", "user")}, "mapping"),
            ({"linux": linux("mount") | {"timeOffsets": {"boottime": {"secs": 1}}}}, "time"),
            ({"linux": linux("mount"), "hostname": "box"}, "uts"),
            ({"linux": linux("mount"), "domainname": "example.org"}, "uts"),
            ({"linux": linux("mount") | {"uidMappings": []}, "hostname": 7}, "hostname is no text"),
            ({"linux": linux("mount") | {"gidMappings": [MAPPING]}}, "user namespace"),
            ({"linux": linux("mount") | {"intelRdt": {}}}, "intelRdt"),
            ({"linux": linux("mount") | {"sysctl": {"a": 1}}}, r"linux\.sysctl\.a"),
            ({"linux": linux("mount") | {"resources": {"pids": {"limit": "1"}}}}, r"pids\.limit"),
            ({"linux": linux("mount") | {"maskedPaths": ["a\0b"]}}, r"maskedPaths\[0\]"),
            ({"process": process(rlimits=[{"type": "RLIMIT_CPU"}])}, "soft and hard"),
            ({"process": process(rlimits=[limit(2, 1)])}, "soft is above hard"),
            ({"process": process(rlimits=[limit(-1, 5)])}, "soft is above hard"),
            ({"process": process(rlimits=[limit(1, 1), limit(2, 2)])}, "twice"),
            ({"process": process(oomScoreAdj=1001)}, "oomScoreAdj"),
            ({"process": process(user={"uid": -1})}, r"process\.user\.uid"),
            ({"process": process(user={"uid": True})}, r"process\.user\.uid"),
            ({"process": process(terminal="yes")}, r"process\.terminal"),
            ({"hooks": {"poststop": [{"path": "true"}]}}, "poststop: path must be absolute"),
            ({"hooks": {"prestart": [{"path": "/x", "timeout": 0}]}}, "timeout"),
        ],
    )
    def test_the_field_that_is_wrong_is_named(self, changes: Any, complaint: str) -> None:
        with pytest.raises(InvalidArgument, match=complaint):
            bundle.examine("/bundle", config(**changes))

    @pytest.mark.parametrize(
        "document",
        [
            [],
            "text",
            None,
            config(root="rootfs"),
            config(root=[]),
            config(process="sh"),
            config(process=[]),
            config(process=process(args="sh")),
            config(process=process(args=[1])),
            config(process=process(args=[None])),
            config(process=process(cwd=7)),
            config(process=process(env={"A": "B"})),
            config(process=process(env=[1])),
            config(linux=[]),
            config(linux={"namespaces": {"type": "pid"}}),
            config(linux={"namespaces": ["pid"]}),
            config(linux={"namespaces": [{"type": ["pid"]}]}),
            config(root={"path": ["rootfs"]}),
            config(hooks=[]),
            config(annotations=[]),
            config(mounts={}),
            config(mounts=["/proc"]),
        ],
    )
    def test_a_value_of_the_wrong_type_is_no_crash(self, document: Any, tmp_path: Path) -> None:
        (tmp_path / "config.json").write_text(json.dumps(document))
        with pytest.raises(InvalidArgument, match=r"config\.json"):
            bundle.load(str(tmp_path))

    @pytest.mark.parametrize("text", ["", "{", "{}{}", "[" * 100_000, "\xff"])
    def test_what_is_no_json_is_said_so(self, text: str, tmp_path: Path) -> None:
        (tmp_path / "config.json").write_bytes(text.encode("latin-1"))
        with pytest.raises(InvalidArgument, match=r"config\.json"):
            bundle.load(str(tmp_path))

    def test_a_directory_without_config_is_no_bundle(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidArgument, match="no config.json") as caught:
            bundle.load(str(tmp_path))
        assert "OCI bundle" in caught.value.hint


class TestAccepted:
    @pytest.mark.parametrize("version", ["1.0.0", "1.0.2-dev", "1.2.0", "1.3.0"])
    def test_every_version_1(self, version: str) -> None:
        bundle.examine("/bundle", config(ociVersion=version))

    def test_unknown_fields_and_what_is_missing_or_null(self) -> None:
        changes = {"vm": {"x": 1}, "linux": linux("mount") | {"new": [], "sysctl": None}}
        bundle.examine("/bundle", config() | changes | {"hooks": None, "hostname": None})
        checked = bundle.examine("/bundle", config() | {"mounts": None, "process": None})
        assert not {"mounts", "process"} & set(checked.config)

    def test_a_container_without_a_program(self) -> None:
        bundle.examine("/bundle", config(process=None))

    def test_the_root_is_relative_to_the_bundle_or_absolute(self, tmp_path: Path) -> None:
        link = tmp_path / "link"
        link.symlink_to(tmp_path)
        (tmp_path / "rootfs").mkdir()
        assert (
            bundle.examine(str(link), config(root={"path": "rootfs"})).rootfs
            == f"{tmp_path}/rootfs"
        )
        assert bundle.examine(str(link), config(root={"path": "/tmp"})).rootfs == "/tmp"
        with pytest.raises(InvalidArgument, match="invalid rootfs"):
            bundle.examine(str(link), config(root={"path": "none"}))

    def test_namespaces_are_new_or_joined_by_path(self) -> None:
        spaces = [{"type": "mount"}, {"type": "pid"}, {"type": "network", "path": "/run/netns/x"}]
        found = bundle.check("/bundle", config(linux={"namespaces": spaces}))
        assert found.has_namespace("pid")
        assert found.has_namespace("network")
        assert not found.has_namespace("user")
        assert found.namespace_path("network") == "/run/netns/x"
        assert found.namespace_path("pid") == found.namespace_path("user") == ""


class TestIds:
    @pytest.mark.parametrize("good", ["a", "0", "box_1+2-3.4", "..."])
    def test_one_path_component_of_harmless_characters(self, good: str) -> None:
        state.check_id(good)

    @pytest.mark.parametrize("bad", ["", ".", "..", "a/b", "../x", "a b", "a\n", "a\0", "é", "a:b"])
    def test_nothing_else(self, bad: str) -> None:
        with pytest.raises(InvalidArgument, match="invalid container ID"):
            state.check_id(bad)


def test_a_config_that_is_a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.json")
    with pytest.raises((InvalidArgument, OSError)):
        bundle.load(str(tmp_path))


NAMES = st.sampled_from(
    ["linux", "process", "user", "args", "namespaces", "type", "path", "mounts", "options", "hooks",
     "poststop", "root", "resources", "memory", "limit", "seccomp", "syscalls", "names", "x"]
)  # fmt: skip
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(NAMES, inside, max_size=4),
    max_leaves=20,
)


@given(DOCUMENTS, st.dictionaries(NAMES, DOCUMENTS, max_size=4))
def test_any_document_is_a_bundle_or_refused(document: Any, fields: dict[str, Any]) -> None:
    for each in (document, config(**fields)):
        try:
            bundle.examine("/bundle", each)
        except InvalidArgument as error:
            assert "config.json" in str(error) or "rootfs" in str(error)
