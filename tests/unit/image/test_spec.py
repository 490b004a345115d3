"""Documents from strangers: what is believed of them."""

from __future__ import annotations

from typing import Any

import pytest

from cuddy.errors import CorruptContent
from cuddy.image import spec

DIGEST = "sha256:" + "0" * 64


def descriptor(**changes: Any) -> dict[str, Any]:
    return {"mediaType": spec.OCI_LAYER + "+gzip", "digest": DIGEST, "size": 5, **changes}


def manifest(**changes: Any) -> dict[str, Any]:
    return {"schemaVersion": 2, "config": descriptor(), "layers": [descriptor()], **changes}


def config(**changes: Any) -> dict[str, Any]:
    rootfs = {"type": "layers", "diff_ids": [DIGEST]}
    return {"architecture": "amd64", "os": "linux", "rootfs": rootfs, **changes}


class TestJson:
    @pytest.mark.parametrize(
        "data", [b"", b"[]", b"null", b"{", b'{"a":NaN}', b"\xff", b"{}{}", b"[" * 100_000]
    )
    def test_what_is_no_object_is_refused(self, data: bytes) -> None:
        with pytest.raises(CorruptContent, match="the thing"):
            spec.parse_document(data, "the thing")

    @pytest.mark.parametrize(
        "data", [rb'{"a":"\ud800"}', rb'{"\uDC00":1}', rb'{"a":[{"b":["\uD83d x"]}]}']
    )
    def test_half_a_surrogate_pair_is_no_text(self, data: bytes) -> None:
        with pytest.raises(CorruptContent, match="the thing holds text that is not Unicode"):
            spec.parse_document(data, "the thing")

    def test_whole_pairs_and_bytes_of_a_users_arguments_are_text(self) -> None:
        data = rb'{"a":"\ud83d\ude00","b":"\udcff"}'
        assert spec.parse_document(data, "it") == {"a": "\U0001f600", "b": "\udcff"}

    def test_unknown_fields_stay(self) -> None:
        assert spec.parse_document(b'{"x":{"y":[1]}}', "it") == {"x": {"y": [1]}}


class TestDescriptors:
    @pytest.mark.parametrize("size", [-1, 1 << 60, "5", 5.0, None, True, [], 10**400])
    def test_sizes_are_bounded_numbers(self, size: object) -> None:
        with pytest.raises(CorruptContent, match="size"):
            spec.check_descriptor(descriptor(size=size), "it")

    @pytest.mark.parametrize("digest", ["", "sha256:x", "../../etc/passwd", 5, "md5:" + "0" * 32])
    def test_digests_are_of_algorithms_we_verify(self, digest: object) -> None:
        with pytest.raises(CorruptContent, match="digest"):
            spec.check_descriptor(descriptor(digest=digest), "it")

    @pytest.mark.parametrize("value", [None, 5, [], "x"])
    def test_other_shapes_are_none(self, value: object) -> None:
        with pytest.raises(CorruptContent):
            spec.check_descriptor(value, "it")


class TestManifests:
    def test_a_good_one_is_believed(self) -> None:
        document = manifest()
        assert spec.check_manifest(document, "it") is document

    @pytest.mark.parametrize(
        "changes",
        [
            {"manifests": []}, {"fsLayers": []}, {"layers": None}, {"layers": {}},
            {"layers": [5]}, {"config": None}, {"config": descriptor(size=9 << 20)},
            {"layers": [descriptor()] * 501},
        ],
    )  # fmt: skip
    def test_bad_ones_are_not(self, changes: dict[str, Any]) -> None:
        with pytest.raises(CorruptContent):
            spec.check_manifest(manifest(**changes), "it")

    @pytest.mark.parametrize("both", [{"layers": []}, {"config": {}}])
    def test_an_index_that_is_a_manifest_too_is_refused(self, both: dict[str, Any]) -> None:
        with pytest.raises(CorruptContent):
            spec.check_index({"manifests": [], **both}, "it")

    def test_docker_s_manifest_becomes_oci_s_with_the_same_blobs(self) -> None:
        kind = "application/vnd.docker.image.rootfs.diff.tar.gzip"
        written = manifest(
            mediaType=spec.DOCKER_MANIFEST,
            config=descriptor(mediaType=spec.DOCKER_CONFIG),
            layers=[descriptor(mediaType=kind)],
            annotations={"kept": "yes"},
        )
        made = spec.to_oci(spec.check_manifest(written, "it"))
        assert made["mediaType"] == spec.OCI_MANIFEST
        assert made["config"]["mediaType"] == spec.OCI_CONFIG
        assert made["layers"][0]["mediaType"] == spec.OCI_LAYER + "+gzip"
        assert made["layers"][0]["digest"] == DIGEST
        assert made["annotations"] == {"kept": "yes"}

    @pytest.mark.parametrize(
        ("kind", "found"),
        [
            (spec.OCI_LAYER, ""),
            (spec.OCI_LAYER + "+gzip", "gzip"),
            (spec.OCI_LAYER + "+zstd", "zstd"),
            ("application/vnd.docker.image.rootfs.diff.tar.gzip", "gzip"),
            ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "gzip"),
            (spec.OCI_LAYER + "+encrypted", None),
            ("application/wasm", None),
        ],
    )
    def test_layers_are_told_by_their_media_type(self, kind: str, found: str | None) -> None:
        assert spec.compression(descriptor(mediaType=kind)) == found  # type: ignore[arg-type]


class TestConfigs:
    def test_a_good_one_is_believed(self) -> None:
        document = config(config={"Env": ["A=b"], "Volumes": {"/v": {}}, "Labels": None}, x=1)
        assert spec.check_config(document, 1, "it") is document

    def test_an_image_may_have_no_layers(self) -> None:
        spec.check_config({"architecture": "a", "os": "linux", "rootfs": {"diff_ids": []}}, 0, "it")

    @pytest.mark.parametrize("count", [0, 2])
    def test_every_layer_has_its_diff_id(self, count: int) -> None:
        with pytest.raises(CorruptContent, match="diff_ids"):
            spec.check_config(config(), count, "it")

    @pytest.mark.parametrize(
        "changes",
        [
            {"os": None}, {"architecture": 5}, {"rootfs": None}, {"rootfs": {"diff_ids": ["x"]}},
            {"config": []}, {"config": {"Env": "A=b"}}, {"config": {"Env": [5]}},
            {"config": {"Cmd": {}}}, {"config": {"Entrypoint": [None]}}, {"config": {"User": 0}},
            {"config": {"Labels": {"a": 5}}}, {"config": {"Volumes": []}},
            {"config": {"ExposedPorts": {"80": "tcp"}}}, {"config": {"Healthcheck": []}},
            {"config": {"Healthcheck": {"Test": "CMD"}}}, {"history": {}}, {"created": 5},
            {"config": {"Healthcheck": {"Retries": True}}}, {"config": {"WorkingDir": ["/"]}},
        ],
    )  # fmt: skip
    def test_wrong_types_are_errors(self, changes: dict[str, Any]) -> None:
        with pytest.raises(CorruptContent):
            spec.check_config(config(**changes), 1, "it")
