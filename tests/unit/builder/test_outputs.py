"""What --output may say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.builder import outputs
from cuddy.builder.outputs import DOCKER, IMAGE, LOCAL, NOTHING, OCI, STDOUT, TAR, Output
from cuddy.errors import CuddyError, InvalidArgument

OUTPUTS = [
    ("out", Output(LOCAL, "out")),
    ("-", Output(TAR, STDOUT)),
    ("type=local,dest=out", Output(LOCAL, "out")),
    ("type=local,dest=a=b", Output(LOCAL, "a=b")),
    ('"type=local","dest=a,b"', Output(LOCAL, "a,b")),
    ("Dest=f,TYPE=tar", Output(TAR, "f")),
    ("type=tar,dest=f,compression=zstd", Output(TAR, "f", compression="zstd")),
    ("type=image", Output(IMAGE)),
    ('type=image,"name=a,b:1"', Output(IMAGE, names=("a", "b:1"))),
    ("type=image,name=a,push=true", Output(IMAGE, names=("a",), push=True)),
    ("type=registry,name=a", Output(IMAGE, names=("a",), push=True)),
    ("type=docker", Output(DOCKER)),
    ("type=docker,dest=-", Output(DOCKER, STDOUT)),
    ("type=oci", Output(OCI, STDOUT)),
    ("type=oci,dest=d,tar=false", Output(OCI, "d", is_directory=True)),
    ("type=oci,annotation.x=y", Output(OCI, STDOUT, annotations=(("x", "y"),))),
    (
        "type=image,compression=gzip,compression-level=9,force-compression=1",
        Output(IMAGE, compression="gzip", level=9, is_forced=True),
    ),
    ("type=cacheonly", Output(NOTHING)),
    ("type=tar,dest=x,platform-split=false", Output(TAR, "x", is_split=False)),
    ("type=image,oci-mediatypes=true,rewrite-timestamp=true", Output(IMAGE)),
]


def test_outputs() -> None:
    for text, output in OUTPUTS:
        assert outputs.parse(text) == output, text


MISTAKES = [
    ("type=", "type is required for output"),
    ("dest=x,push=1", "type is required for output"),
    ("type=local,x", "invalid value x"),
    ("type=local", "dest is required for local exporter"),
    ("type=local,dest=-", "dest cannot be stdout for local exporter"),
    ("type=oci,tar=0", "dest is required for oci exporter"),
    ("type=image,dest=x", "dest means nothing to an output of type image"),
    ("type=imag", "unknown output type 'imag' (did you mean image?)"),
    ("type=image,comression=gzip", "did you mean compression?"),
    ("type=image,compression=estargz", "unsupported layer compression type: estargz"),
    ("type=image,compression=zstd,compression-level=23", "invalid compression-level"),
    ("type=local,dest=x,compression=gzip", "compression means nothing"),
    ("type=local,dest=x,name=y", "name means nothing"),
    ("type=image,push=maybe", "invalid value of push"),
    ("type=image,name=A", "A"),
    (f"type=image,name=a@sha256:{'0' * 64}", "a digest is not a name"),
    ('type=local,dest="x', "invalid output"),
]


def test_mistakes_are_told() -> None:
    for text, words in MISTAKES:
        with pytest.raises(InvalidArgument) as caught:
            outputs.parse(text)
        assert words in str(caught.value), text


def test_an_image_is_the_default() -> None:
    assert outputs.parse_all(()) == outputs.parse_all(("",)) == (Output(IMAGE),)


def test_names_for_the_store_and_for_registries() -> None:
    found = outputs.parse_all(("type=image,name=a", "type=registry", "type=oci,dest=f,name=b"))
    assert outputs.store_names(found, ["t"]) == ["t", "a"]
    assert outputs.pushed_names(found, ["t"]) == ["t"]
    with pytest.raises(InvalidArgument, match="tag is needed when pushing"):
        outputs.pushed_names(found, [])
    files = outputs.parse_all(("out", "type=tar"))
    assert not outputs.is_for_store(files)
    assert not outputs.needs_blobs(files)
    assert outputs.store_names(files, ["t"]) == []


def test_standard_output_is_for_one() -> None:
    with pytest.raises(InvalidArgument, match="only one output"):
        outputs.parse_all(("-", "type=oci"))


def test_what_cannot_be_written_is_told_before_the_build(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    controller, terminal = os.openpty()
    try:
        for text, words in (
            (f"type=local,dest={tmp_path}/file", "is a file"),
            (f"type=tar,dest={tmp_path}", "is a directory"),
            (f"type=oci,tar=false,dest={tmp_path}/file", "is a file"),
            ("-", "refusing to write to console"),
        ):
            with pytest.raises(InvalidArgument, match=words):
                outputs.check([outputs.parse(text)], terminal)
        outputs.check([outputs.parse(f"{tmp_path}/new"), Output(IMAGE)], terminal)
    finally:
        os.close(controller)
        os.close(terminal)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for each in (text, f"type=image,{text}", f"type=local,dest={text}"):
        try:
            outputs.parse(each)
        except CuddyError:
            pass
