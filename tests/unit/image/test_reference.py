"""Image names: what is one, and what it is in full."""

from __future__ import annotations

import pytest

from cuddy.errors import InvalidReference
from cuddy.image import reference
from cuddy.image.reference import Reference

HEX = "a" * 64
DIGEST = f"sha256:{HEX}"


@pytest.mark.parametrize(
    ("written", "full"),
    [
        ("alpine", "docker.io/library/alpine:latest"),
        ("alpine:3.20", "docker.io/library/alpine:3.20"),
        ("library/alpine", "docker.io/library/alpine:latest"),
        ("docker.io/alpine", "docker.io/library/alpine:latest"),
        ("index.docker.io/library/alpine:x", "docker.io/library/alpine:x"),
        ("user/app", "docker.io/user/app:latest"),
        ("a/b/c:1", "docker.io/a/b/c:1"),
        ("quay.io/podman/hello", "quay.io/podman/hello:latest"),
        ("quay.io/alpine", "quay.io/alpine:latest"),
        ("localhost/x", "localhost/x:latest"),
        ("localhost:5000/x:1", "localhost:5000/x:1"),
        ("localhost:5000", "docker.io/library/localhost:5000"),
        ("Registry/x", "Registry/x:latest"),
        ("[::1]:5000/x", "[::1]:5000/x:latest"),
        ("10.0.0.1/x", "10.0.0.1/x:latest"),
        ("a.b/c__d/e-f---g/h.i", "a.b/c__d/e-f---g/h.i:latest"),
        (f"alpine@{DIGEST}", f"docker.io/library/alpine@{DIGEST}"),
        (f"alpine:3@{DIGEST}", f"docker.io/library/alpine:3@{DIGEST}"),
        ("x:" + "t" * 128, "docker.io/library/x:" + "t" * 128),
        (f"{HEX[:63]}", f"docker.io/library/{HEX[:63]}:latest"),
    ],
)
def test_a_name_is_made_complete(written: str, full: str) -> None:
    assert str(reference.parse(written)) == full


@pytest.mark.parametrize(
    "written",
    [
        "", ":", "@", "/", "a/", "/a", "a//b", "a:", "a:b:c", "a@", "a@sha256:", "Alpine", "a/B",
        "a b", "a\n", "a\0", "ä", "-a", "a-", "a_", ".a", "a.", "a..b", "a___b", "a._b", "a_-b",
        "a:-x", "a:.x", "a:ä", "a:" + "t" * 129, f"a@md5:{'a' * 32}", f"a@sha256:{'A' * 64}",
        f"a@sha256:{'a' * 63}", f"a@sha256:{'a' * 65}", HEX, "localhost:/x", "localhost:a/x",
        "[::1/x", "[::1]5/x", "a.b:99:1/x", "-a.b/x", "a-.b/x", "a..b/x", "a.b/" + "c" * 252,
        "../../etc/passwd", "a/../b", "http://a.b/c", "a.b/c?d", "a%2fb",
    ],
)  # fmt: skip
def test_what_is_no_name_is_refused_in_one_sentence(written: str) -> None:
    with pytest.raises(InvalidReference) as caught:
        reference.parse(written)
    assert "invalid image name" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_upper_case_is_explained() -> None:
    with pytest.raises(InvalidReference, match="must be lower case"):
        reference.parse("docker.io/Library/alpine")


@pytest.mark.parametrize(
    ("written", "familiar"),
    [
        ("docker.io/library/alpine:latest", "alpine:latest"),
        ("docker.io/user/x:1", "user/x:1"),
        ("docker.io/library/a/b:1", "library/a/b:1"),
        ("quay.io/library/x:1", "quay.io/library/x:1"),
        (f"alpine@{DIGEST}", f"alpine@{DIGEST}"),
    ],
)
def test_a_name_is_shown_as_people_write_it(written: str, familiar: str) -> None:
    assert reference.parse(written).familiar == familiar
    assert reference.parse(familiar) == reference.parse(written)


def test_names_up_to_255_characters_are_names() -> None:
    assert reference.parse("a.b/" + "c" * 251).name == "a.b/" + "c" * 251


def test_the_parts() -> None:
    assert reference.parse(f"localhost:5000/a/b:c@{DIGEST}") == Reference(
        "localhost:5000", "a/b", "c", DIGEST
    )
