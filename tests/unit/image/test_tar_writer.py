"""Archives that are written: ustar where it suffices, records where not, readable by everybody."""

from __future__ import annotations

import io
import tarfile

import pytest

from cuddy.image import tar, tar_writer
from cuddy.image.tar import Member

FILE = Member(b"etc/motd", tar.FILE, 0o644, 0, 0, 0, 0, b"", (0, 0), 0, {}, None)


def read(data: bytes) -> Member:
    [member] = tar.members(tar.Stream(iter([data + tar_writer.END])))
    return member


def python_reads(data: bytes) -> tarfile.TarInfo:
    with tarfile.open(fileobj=io.BytesIO(data + tar_writer.END), errors="surrogateescape") as file:
        [info] = file.getmembers()
    return info


def test_an_ordinary_file_is_one_block_of_ustar() -> None:
    member = FILE._replace(mode=0o4755, uid=7, gid=8, mtime_ns=1_700_000_000 * 10**9)
    data = tar_writer.header(member)
    assert len(data) == 512
    assert data[257:265] == b"ustar\x0000"
    assert read(data) == member


def test_the_same_member_makes_the_same_bytes() -> None:
    first = FILE._replace(xattrs={b"user.b": b"2", b"user.a": b"1"})
    second = FILE._replace(xattrs={b"user.a": b"1", b"user.b": b"2"})
    assert tar_writer.header(first) == tar_writer.header(second)


@pytest.mark.parametrize(
    "name",
    [
        b"n" * 100,
        b"d" * 155 + b"/" + b"n" * 100,
        b"d" * 99 + b"/" + b"e" * 55 + b"/" + b"n" * 99 + b"/",
    ],
)
def test_long_names_that_ustar_can_divide_need_no_record(name: bytes) -> None:
    kind = tar.DIRECTORY if name.endswith(b"/") else tar.FILE
    member = FILE._replace(name=name, kind=kind)
    assert len(tar_writer.header(member)) == 512
    assert read(tar_writer.header(member)) == member
    assert python_reads(tar_writer.header(member)).name == name.decode().rstrip("/")


@pytest.mark.parametrize(
    "name",
    [
        b"n" * 101,
        b"d" * 156 + b"/n",
        b"d/" + b"n" * 101,
        b"d" * 100 + b"/",
        "Größe".encode(),
        b"not utf-8 \xff\xfe",
        b"line\nbreak = 12 x=y\n" * 6,
        b"x" * 60_000,
    ],
)
def test_all_other_names_are_records_byte_for_byte(name: bytes) -> None:
    kind = tar.DIRECTORY if name.endswith(b"/") else tar.FILE
    member = FILE._replace(name=name, kind=kind)
    assert read(tar_writer.header(member)) == member
    found = python_reads(tar_writer.header(member)).name
    assert found.encode("utf-8", "surrogateescape") == name.rstrip(b"/")


@pytest.mark.parametrize("link", [b"../x", b"l" * 101, b"/\xff"])
@pytest.mark.parametrize("kind", [tar.LINK, tar.SYMLINK])
def test_targets_of_links(link: bytes, kind: int) -> None:
    member = FILE._replace(kind=kind, link=link)
    assert read(tar_writer.header(member)) == member
    found = python_reads(tar_writer.header(member)).linkname
    assert found.encode("utf-8", "surrogateescape") == link


@pytest.mark.parametrize("owner", [0o7777777, 0o7777777 + 1, 2**32 - 2])
def test_owners_of_any_number(owner: int) -> None:
    member = FILE._replace(uid=owner, gid=owner)
    assert read(tar_writer.header(member)) == member
    info = python_reads(tar_writer.header(member))
    assert (info.uid, info.gid) == (owner, owner)


@pytest.mark.parametrize("size", [8 * 2**30 - 1, 8 * 2**30, 2**42])
def test_files_of_eight_gibibytes_and_more(size: int) -> None:
    member = FILE._replace(size=size, stored_bytes=size)
    header = tar_writer.header(member)
    assert next(tar.members(tar.Stream(iter([header])))) == member
    with tarfile.open(fileobj=io.BytesIO(header)) as file:
        info = file.next()
    assert info and info.size == size


@pytest.mark.parametrize(
    ("stamp_ns", "text"),
    [
        (1_500_000_000, b"1.5"),
        (1, b"0.000000001"),
        (-1, b"-0.000000001"),
        (-1_500_000_000, b"-1.5"),
        (-7_000_000_000, b"-7"),
        (2**33 * 10**9, b"8589934592"),
    ],
)
def test_times_with_a_fraction_and_before_1970(stamp_ns: int, text: bytes) -> None:
    member = FILE._replace(mtime_ns=stamp_ns)
    assert b" mtime=" + text + b"\n" in tar_writer.header(member)
    assert read(tar_writer.header(member)) == member
    assert python_reads(tar_writer.header(member)).mtime == pytest.approx(stamp_ns / 1e9)


def test_attributes_hold_any_bytes() -> None:
    xattrs = {b"user.a": b"x=y\n\0\xff", b"user.\xc3\xa9": b"1", b"security.capability": bytes(20)}
    member = FILE._replace(xattrs=xattrs)
    assert read(tar_writer.header(member)) == member


def test_an_attribute_whose_name_no_record_can_hold_is_left_out() -> None:
    member = FILE._replace(xattrs={b"user.a=b": b"1", b"user.c": b"2"})
    assert read(tar_writer.header(member)).xattrs == {b"user.c": b"2"}


@pytest.mark.parametrize("length", range(80, 110))
def test_a_record_counts_its_own_length(length: int) -> None:
    member = FILE._replace(xattrs={b"a": b"v" * length, b"b": b"v" * (length + 890)})
    assert read(tar_writer.header(member)) == member


def test_devices() -> None:
    member = FILE._replace(kind=tar.BLOCK_DEVICE, device=(4095, 2**20 - 1))
    assert read(tar_writer.header(member)) == member
