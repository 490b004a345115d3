"""The tar reader: every format that is in use, and every lie that is told in them."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator

import pytest

import rawtar
from cuddy.errors import CorruptContent
from cuddy.image import tar
from cuddy.image.tar import Member
from rawtar import END, GNU, entry, header, pax, pax_of


def chunked(data: bytes, size: int) -> Iterator[bytes]:
    for position in range(0, len(data), size):
        yield data[position : position + size]


def read(archive: bytes, chunk: int = 700) -> list[tuple[Member, bytes]]:
    """Every member with its stored data."""
    stream = tar.Stream(chunked(archive, chunk))
    found = []
    for member in tar.members(stream):
        data = bytearray()
        stream.copy(member.stored_bytes, data.extend)
        found.append((member, bytes(data)))
    return found


def first(archive: bytes) -> Member:
    return read(archive)[0][0]


class TestFormats:
    @pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
    @pytest.mark.parametrize("chunk", [1, 511, 512, 513, 1 << 20])
    def test_what_python_writes_is_read(self, form: int, chunk: int) -> None:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
            for number, size in enumerate((0, 1, 511, 512, 513, 5000)):
                info = tarfile.TarInfo(f"dir/file{number}")
                info.size, info.mode, info.uid, info.gid, info.mtime = size, 0o4751, 7, 8, 99
                archive.addfile(info, io.BytesIO(b"x" * size))
        found = read(buffer.getvalue(), chunk)
        assert [member.size for member, _ in found] == [0, 1, 511, 512, 513, 5000]
        assert all(data == b"x" * member.size for member, data in found)
        member = found[-1][0]
        assert (member.name, member.mode, member.uid, member.gid) == (b"dir/file5", 0o4751, 7, 8)
        assert member.mtime_ns == 99_000_000_000

    @pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
    def test_long_names_and_links(self, form: int) -> None:
        info = tarfile.TarInfo("n" * 3000)
        info.type, info.linkname = tarfile.SYMTYPE, "l" * 2000
        member = first(info.tobuf(form) + END)
        assert (len(member.name), len(member.link)) == (3000, 2000)

    def test_the_prefix_of_ustar(self) -> None:
        assert first(header(b"name", rest=b"long/prefix") + END).name == b"long/prefix/name"

    def test_gnu_has_other_things_in_place_of_the_prefix(self) -> None:
        assert first(header(b"name", magic=GNU, rest=b"00000000000\0") + END).name == b"name"

    def test_before_ustar_a_directory_was_a_file_with_a_slash(self) -> None:
        assert first(header(b"old/", b"\0", magic=bytes(8)) + END).kind == tar.DIRECTORY

    def test_a_checksum_of_signed_bytes_is_good_too(self) -> None:
        block = header(b"\xff\xfe")
        total = sum(b - 256 if b > 127 else b for b in block[:148] + b" " * 8 + block[156:])
        assert first(header(b"\xff\xfe", checksum=b"%06o\0 " % total) + END).name == b"\xff\xfe"

    @pytest.mark.parametrize(
        "field", [b"644", b"0000644\0", b"   644 \0", b"644\0rubb", b"0000644 "]
    )
    def test_numbers_are_written_in_many_ways(self, field: bytes) -> None:
        assert first(header(b"f", mode=field.ljust(8, b"\0")) + END).mode == 0o644

    def test_numbers_too_large_for_octal_digits(self) -> None:
        member = first(
            header(b"f", uid=rawtar.binary(2**32 - 2, 8), mtime=rawtar.binary(-5, 12)) + END
        )
        assert (member.uid, member.mtime_ns) == (2**32 - 2, -5_000_000_000)

    def test_pax_overrides_the_header(self) -> None:
        values = {
            b"path": b"\xe4/b", b"size": b"3", b"uid": b"4294967294", b"gid": b"70000",
            b"mtime": b"-1.25", b"SCHILY.xattr.user.x": b"a=b\nc\0", b"comment": b"",
        }  # fmt: skip
        [(member, data)] = read(pax_of(values) + header(b"no") + rawtar.pad(b"abc") + END)
        assert (member.name, member.size, data) == (b"\xe4/b", 3, b"abc")
        assert (member.uid, member.gid) == (4294967294, 70000)
        assert member.mtime_ns == -1_250_000_000
        assert member.xattrs == {b"user.x": b"a=b\nc\0"}

    def test_pax_times_have_nanoseconds(self) -> None:
        assert first(pax(mtime=b"12.000000001999") + header(b"f") + END).mtime_ns == 12_000_000_001

    def test_absurd_times_are_1970(self) -> None:
        assert first(pax(mtime=b"9" * 19) + header(b"f") + END).mtime_ns == 0

    def test_global_headers_are_passed_over(self) -> None:
        archive = pax(b"g", path=b"evil", comment=b"git") + entry(b"f", b"x") + END
        assert first(archive).name == b"f"

    def test_links_and_directories_have_no_data_whatever_their_size_says(self) -> None:
        archive = header(b"d/", b"5", size=99) + header(b"l", b"1", size=9, link=b"f") + END
        assert [member.size for member, _ in read(archive)] == [0, 0]

    def test_data_that_nobody_takes_is_skipped(self) -> None:
        stream = tar.Stream(chunked(entry(b"a", b"x" * 5000) + entry(b"b", b"y") + END, 600))
        assert [member.name for member in tar.members(stream)] == [b"a", b"b"]


class TestEnds:
    def test_an_archive_may_end_without_its_mark(self) -> None:
        assert len(read(entry(b"f", b"x"))) == 1

    def test_nothing_at_all_is_an_empty_archive(self) -> None:
        assert read(b"") == read(END) == read(bytes(512)) == []

    def test_what_follows_the_end_is_read_and_ignored(self) -> None:
        chunks = chunked(entry(b"f", b"x") + END + b"garbage" * 1000, 512)
        assert len(list(tar.members(tar.Stream(chunks)))) == 1
        assert next(chunks, None) is None

    @pytest.mark.parametrize("cut", [1, 100, 511, 513, 600, 1023])
    def test_a_truncated_archive_is_an_error(self, cut: int) -> None:
        with pytest.raises(CorruptContent, match="ends"):
            read(entry(b"f", b"x" * 600)[:cut])

    @pytest.mark.parametrize("length", [513, 600, 1023])
    def test_the_last_padding_may_be_missing(self, length: int) -> None:
        # Docker's client sends build contexts like that.
        stream = tar.Stream(iter([entry(b"f", b"x")[:length]]))
        assert [member.name for member in tar.members(stream)] == [b"f"]


class TestLies:
    @pytest.mark.parametrize(
        "archive",
        [
            b"not a tar" * 100,
            header(b"f", checksum=b"0000000\0"),
            header(b"f", size=rawtar.binary(-1, 12)),
            header(b"f", size=rawtar.binary(2**60, 12)),
            header(b"f", size=b"99999999999\0"),
            header(b"f", size=b"0000_0001\0\0\0"),
            header(b"f", size=b"-1\0\0\0\0\0\0\0\0\0\0"),
            header(b"f", uid=rawtar.binary(2**32 - 1, 8)),
            header(b"f", gid=rawtar.binary(-1, 8)),
            header(b"f", b"?"),
            header(b"f", b"M"),
            header(b"f", b"3", major=rawtar.binary(2**20, 8)),
            header(b"L", b"L", size=2**21),
            header(b"L", b"L", size=5) + rawtar.pad(b"name\0"),
            pax(path=b"a\0b") + header(b"f"),
            pax(linkpath=b"a\0b") + header(b"f", b"2"),
            pax(size=b"-1") + header(b"f"),
            pax(size=b"1e3") + header(b"f"),
            pax(size=b"9" * 30) + header(b"f"),
            pax(uid=b"4294967295") + header(b"f"),
            pax(mtime=b"nan") + header(b"f"),
            entry(b"p", b"5 a=b\n", b"x") + header(b"f"),
            entry(b"p", b"7 a=b\n", b"x") + header(b"f"),
            entry(b"p", b"6 a=bc\n", b"x") + header(b"f"),
            entry(b"p", b"6 abcd\n", b"x") + header(b"f"),
            entry(b"p", b"5 =b\n\n", b"x") + header(b"f"),
            entry(b"p", b"-6 a=b\n", b"x") + header(b"f"),
            entry(b"p", b"0 a=b\n", b"x") + header(b"f"),
            entry(b"p", b"99999999999999999999999 a=b\n", b"x") + header(b"f"),
            entry(b"p", b"a=b\n", b"x") + header(b"f"),
        ],
    )
    def test_a_header_that_does_not_add_up_is_an_error(self, archive: bytes) -> None:
        with pytest.raises(CorruptContent):
            read(archive + END)

    def test_extended_headers_without_end_are_an_error(self) -> None:
        def endless() -> Iterator[bytes]:
            while True:
                yield pax_of({b"SCHILY.xattr.user.a": b"x" * 100_000})

        with pytest.raises(CorruptContent, match="extended headers"):
            next(tar.members(tar.Stream(endless())))


def old_sparse(parts: list[tuple[int, int]], size: int, data: bytes, more: bytes = b"\0") -> bytes:
    fields = b"".join(b"%011o\0%011o\0" % part for part in parts).ljust(96, b"\0")
    rest = bytes(41) + fields + more + b"%011o\0" % size
    return header(b"s", b"S", size=len(data), magic=GNU, rest=rest) + rawtar.pad(data)


class TestSparseFiles:
    PARTS = [(0, 3), (1000, 2), (5000, 0)]

    def check(self, archive: bytes) -> None:
        [(member, data)] = read(archive + END)
        assert (member.size, data) == (5000, b"abcde")
        assert member.sparse == self.PARTS

    def test_gnu_s_first_format(self) -> None:
        self.check(old_sparse(self.PARTS, 5000, b"abcde"))

    def test_gnu_s_first_format_with_a_long_map(self) -> None:
        parts = [(n * 10, 1) for n in range(30)]
        block = b"".join(b"%011o\0%011o\0" % part for part in parts[4:25]).ljust(504, b"\0") + b"\1"
        last = b"".join(b"%011o\0%011o\0" % part for part in parts[25:]).ljust(512, b"\0")
        start = old_sparse(parts[:4], 291, b"x" * 30, b"\1")[:512]
        [(member, data)] = read(start + block.ljust(512, b"\0") + last + rawtar.pad(b"x" * 30))
        assert (member.sparse, data) == (parts, b"x" * 30)

    def test_pax_0_0(self) -> None:
        records = rawtar.record(b"GNU.sparse.size", b"5000")
        for offset, length in self.PARTS:
            records += rawtar.record(b"GNU.sparse.offset", b"%d" % offset)
            records += rawtar.record(b"GNU.sparse.numbytes", b"%d" % length)
        self.check(entry(b"p", records, b"x") + entry(b"s", b"abcde"))

    def test_pax_0_1(self) -> None:
        values = {
            b"GNU.sparse.size": b"5000", b"GNU.sparse.map": b"0,3,1000,2,5000,0",
            b"GNU.sparse.name": b"real",
        }  # fmt: skip
        archive = pax_of(values) + entry(b"GNUSparseFile.1/s", b"abcde")
        self.check(archive)
        assert first(archive).name == b"real"

    def test_pax_1_0(self) -> None:
        values = {b"GNU.sparse.major": b"1", b"GNU.sparse.realsize": b"5000"}
        data = rawtar.pad(b"3\n0\n3\n1000\n2\n5000\n0\n") + b"abcde"
        self.check(pax_of(values) + entry(b"s", data))

    @pytest.mark.parametrize(
        "archive",
        [
            old_sparse([(0, 6)], 5000, b"abcde"),
            old_sparse([(0, 3), (2, 2)], 5000, b"abcde"),
            old_sparse([(0, 5)], 4, b"abcde"),
            old_sparse([(0, 5)], 5000, b"abcde", b"\1") + bytes(511),
            pax_of({b"GNU.sparse.size": b"5", b"GNU.sparse.map": b"0"}) + entry(b"s", b"abcde"),
            pax_of({b"GNU.sparse.size": b"5", b"GNU.sparse.map": b"0,-5"}) + entry(b"s", b"abcde"),
            pax_of({b"GNU.sparse.map": b"0,5"}) + entry(b"s", b"abcde"),
            pax_of({b"GNU.sparse.major": b"1", b"GNU.sparse.realsize": b"5"}) + entry(b"s", b"9\n"),
            pax_of({b"GNU.sparse.major": b"1", b"GNU.sparse.realsize": b"5"})
            + entry(b"s", rawtar.pad(b"99999999\n")),
            pax_of({b"GNU.sparse.major": b"1", b"GNU.sparse.realsize": b"5"})
            + entry(b"s", b"1" * 5120),
        ],
    )
    def test_maps_that_do_not_add_up_are_errors(self, archive: bytes) -> None:
        with pytest.raises(CorruptContent):
            read(archive + END)
