"""Archives: what tarfile writes is read as it was, and what nobody wrote does no harm."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cuddy import files
from cuddy.errors import CorruptContent
from cuddy.image import compression, inheritance, layer, tar

CHARACTERS = st.characters(exclude_characters="/\0", exclude_categories=("Cs",))
NAMES = st.lists(
    st.text(CHARACTERS, min_size=1, max_size=60)
    .filter(lambda name: name not in (".", ".."))
    .filter(lambda name: len(os.fsencode(name)) < 200),
    min_size=1,
    max_size=5,
).map("/".join)


def is_encodable(name: str) -> bool:
    try:
        name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


MEMBER = st.tuples(
    NAMES.filter(is_encodable),
    st.binary(max_size=2000),
    st.integers(0, 0o7777),
    st.integers(0, 2**32 - 2),
    st.integers(-(2**35), 2**35),
    st.integers(0, 999_999_999),
    st.dictionaries(
        st.text("abc.", min_size=1, max_size=9), st.text("xyz=\n", max_size=30), max_size=3
    ),
)


def chunked(data: bytes, size: int) -> Iterator[bytes]:
    for position in range(0, len(data), size):
        yield data[position : position + size]


class TestRoundTrip:
    """pax(1): what an archive says of a file is what its reader finds."""

    @given(st.lists(MEMBER, max_size=6), st.integers(1, 3000))
    @settings(max_examples=60, deadline=None)
    def test_what_python_writes_is_read(self, members: list, chunk: int) -> None:
        buffer = io.BytesIO()
        with tarfile.open(
            fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, errors="surrogateescape"
        ) as archive:
            for name, data, mode, owner, seconds, nanoseconds, xattrs in members:
                info = tarfile.TarInfo(name)
                info.size, info.mode, info.uid, info.gid = len(data), mode, owner, owner
                info.mtime = 0
                sign, whole = ("-", -seconds) if seconds < 0 else ("", seconds)
                info.pax_headers = {"mtime": f"{sign}{whole}.{nanoseconds:09}"}
                info.pax_headers |= {f"SCHILY.xattr.{key}": value for key, value in xattrs.items()}
                archive.addfile(info, io.BytesIO(data))
        stream = tar.Stream(chunked(buffer.getvalue(), chunk))
        for found, wanted in zip(tar.members(stream), members, strict=True):
            name, data, mode, owner, seconds, nanoseconds, xattrs = wanted
            read = bytearray()
            stream.copy(found.stored_bytes, read.extend)
            assert found.name == os.fsencode(name)
            assert (bytes(read), found.mode, found.uid, found.gid) == (data, mode, owner, owner)
            sign = -1 if seconds < 0 else 1
            assert found.mtime_ns == sign * (abs(seconds) * 10**9 + nanoseconds)
            assert found.xattrs == {k.encode(): v.encode() for k, v in xattrs.items()}


def mutate(archive: bytes, changes: list[tuple[int, int]]) -> bytes:
    """Bytes changed here and there, header checksums made good again."""
    data = bytearray(archive)
    for position, value in changes:
        data[position % len(data)] = value
    for start in range(0, len(data) - 511, 512):
        block = data[start : start + 512]
        if block[257:262] == b"ustar":
            total = sum(block) - sum(block[148:156]) + 256
            data[start + 148 : start + 156] = b"%06o\0 " % total
    return bytes(data)


def sample() -> bytes:
    """A little of everything."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, kind, link in (
            ("d/", tarfile.DIRTYPE, ""), ("d/f", tarfile.REGTYPE, ""),
            ("l", tarfile.SYMTYPE, "../outside"), ("h", tarfile.LNKTYPE, "d/f"),
            ("d/.wh.gone", tarfile.REGTYPE, ""), ("e/.wh..wh..opq", tarfile.REGTYPE, ""),
            ("p", tarfile.FIFOTYPE, ""), ("n" * 120, tarfile.REGTYPE, ""),
        ):  # fmt: skip
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            info.size = 7 if kind == tarfile.REGTYPE else 0
            info.pax_headers = {"SCHILY.xattr.user.a": "b"} if name == "d/f" else {}
            archive.addfile(info, io.BytesIO(b"content"))
    return buffer.getvalue()


SAMPLE = sample()


@pytest.mark.root
class TestFuzz:
    """Any archive at all: an error or a layer, and nothing outside."""

    @given(
        changes=st.lists(
            st.tuples(st.integers(0, len(SAMPLE) - 1), st.integers(0, 255)), min_size=1, max_size=12
        ),
        cut=st.integers(0, 300),
    )
    @settings(
        max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    def test_a_damaged_archive(
        self, tmp_path: Path, changes: list[tuple[int, int]], cut: int
    ) -> None:
        outside = tmp_path / "outside"
        outside.mkdir(exist_ok=True)
        (outside / "canary").write_text("untouched")
        root = tmp_path / "layer"
        files.remove_tree(str(root))
        root.mkdir()
        before = os.listdir("/proc/self/fd")
        data = mutate(SAMPLE[: len(SAMPLE) - cut], changes)
        try:
            _, unfinished = layer.apply(chunked(data, 999), str(root))
            inheritance.finish(str(root), unfinished, [])
        except CorruptContent:
            pass
        assert sorted(os.listdir(tmp_path)) == ["layer", "outside"]
        assert os.listdir(outside) == ["canary"]
        assert (outside / "canary").read_text() == "untouched"
        assert os.listdir("/proc/self/fd") == before

    @given(st.binary(max_size=400), st.sampled_from([b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd", b""]))
    @settings(max_examples=200, deadline=None)
    def test_damaged_compression(self, data: bytes, magic: bytes) -> None:
        try:
            for _ in compression.decompress(chunked(magic + data, 50)):
                pass
        except CorruptContent:
            pass
