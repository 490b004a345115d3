"""A writer of tar archives, the twin of `tar`: ustar where it suffices, PAX records where not.

    yield tar_writer.header(member)
    ... the member's data, tar_writer.padding(member.size) ...
    yield tar_writer.END

The same member makes the same bytes at any time. As Go's archive/tar does, and so Docker, names
that are not ASCII or too long go into records, byte for byte whatever they are, and attributes into
star's: GNU tar, Go and Python read all of it back.
"""

from __future__ import annotations

import struct

from cuddy.image.tar import BLOCK, NO_XATTRS, XATTR_PREFIX, Member

END = bytes(2 * BLOCK)
NAME_BYTES = 100
PREFIX_BYTES = 155
SMALL_NUMBER = 0o7777777
LARGE_NUMBER = 0o77777777777
BILLION = 1_000_000_000
BLANK_CHECKSUM = b" " * 8
USTAR = b"ustar\x0000"
FIELDS = struct.Struct("100s48s8sB100s8s64x16s155s12x")
"""ustar's header block (pax(1)): user and group names stay empty."""
NUMBERS = b"%07o\0%07o\0%07o\0%011o\0%011o\0"
"""Of `FIELDS`, the second: mode, user, group, size, time."""
NO_DEVICE = b"0000000\0" * 2
PAX_NAME = b"././@PaxHeader"
SPARSE_DIRECTORY = b"GNUSparseFile.0"
"""Where GNU's readers of old find files with holes, whose true name they do not know."""


def header(member: Member) -> bytes:
    """The blocks that precede a member's data; the data is `member.size` bytes, or of one with
    holes `member.stored_bytes`.
    """
    if member.sparse is not None:
        return _sparse_header(member, member.sparse)
    return _header(member, {})


def _sparse_header(member: Member, parts: list[tuple[int, int]]) -> bytes:
    """GNU's format 1.0 of a file with holes: its map is text in front of the data.

    Like GNU tar we end the map at the file's end, also where that is a hole.
    """
    if not parts or sum(parts[-1]) < member.size:
        parts = [*parts, (member.size, 0)]
    text = b"%d\n" % len(parts) + b"".join(b"%d\n%d\n" % part for part in parts)
    text += padding(len(text))
    parent, slash, name = member.name.rpartition(b"/")
    outer = member._replace(
        name=parent + slash + SPARSE_DIRECTORY + b"/" + name,
        size=len(text) + member.stored_bytes,
    )
    more = {
        b"GNU.sparse.major": b"1",
        b"GNU.sparse.minor": b"0",
        b"GNU.sparse.name": member.name,
        b"GNU.sparse.realsize": b"%d" % member.size,
    }
    return _header(outer, more) + text


def _header(member: Member, more: dict[bytes, bytes]) -> bytes:
    seconds, nanoseconds = divmod(member.mtime_ns, BILLION)
    prefix, name = split_name(member.name)
    if (
        name
        and not more
        and 0 <= seconds <= LARGE_NUMBER
        and not member.xattrs
        and member.uid <= SMALL_NUMBER
        and member.gid <= SMALL_NUMBER
        and member.size <= LARGE_NUMBER
        and (not member.link or is_plain(member.link))
    ):
        block = _block(member, name, prefix, member.link, seconds)
        if not nanoseconds:
            return block
        return _extended(_record(b"mtime", format_time(member.mtime_ns)), block)
    records = _records(member, fits=bool(name)) | more
    data = b"".join(_record(key, records[key]) for key in sorted(records))
    link = _ascii(member.link)
    return _extended(data, _block(member, name or _ascii(member.name), prefix, link, seconds))


def _extended(records: bytes, block: bytes) -> bytes:
    """A member's header block behind records of what it cannot say."""
    size = len(records)
    extension = _EXTENSIONS.get(size)
    if extension is None:
        member = Member(
            PAX_NAME, ord("x"), 0o644, 0, 0, size, 0, b"", (0, 0), size, NO_XATTRS, None
        )
        extension = _block(member, PAX_NAME, b"", b"", 0)
        if size < BLOCK:
            _EXTENSIONS[size] = extension
    return b"%b%b%b%b" % (extension, records, bytes(-size % BLOCK), block)


_EXTENSIONS: dict[int, bytes] = {}
"""The header blocks of short records: most say no more than a file's exact time."""


def padding(size: int) -> bytes:
    """What fills up so many bytes of data to whole blocks."""
    return bytes(-size % BLOCK)


def is_plain(name: bytes) -> bool:
    """Whether a name fits the header's own field."""
    return len(name) <= NAME_BYTES and name.isascii()


def split_name(name: bytes) -> tuple[bytes, bytes]:
    """A name as ustar's (prefix, name); (b"", b"") if it has to be a record."""
    if is_plain(name):
        return b"", name
    if name.isascii() and len(name) <= PREFIX_BYTES + 1 + NAME_BYTES:
        # A directory's last slash is no place to split at.
        cut = name.rfind(b"/", 0, min(PREFIX_BYTES + 1, len(name) - 1))
        if cut > 0 and len(name) - cut - 1 <= NAME_BYTES:
            return name[:cut], name[cut + 1 :]
    return b"", b""


def _records(member: Member, *, fits: bool) -> dict[bytes, bytes]:
    """What of a member ustar cannot say."""
    records: dict[bytes, bytes] = {}
    if not fits:
        records[b"path"] = member.name
    if member.link and not is_plain(member.link):
        records[b"linkpath"] = member.link
    if member.uid > SMALL_NUMBER:
        records[b"uid"] = b"%d" % member.uid
    if member.gid > SMALL_NUMBER:
        records[b"gid"] = b"%d" % member.gid
    if member.size > LARGE_NUMBER:
        records[b"size"] = b"%d" % member.size
    if not 0 <= member.mtime_ns <= LARGE_NUMBER * BILLION or member.mtime_ns % BILLION:
        records[b"mtime"] = format_time(member.mtime_ns)
    for name, value in member.xattrs.items():
        if b"=" not in name:  # a record's name ends at the first one: there is no way to write it
            records[XATTR_PREFIX + name] = value
    return records


def format_time(stamp_ns: int) -> bytes:
    """Nanoseconds since the epoch as a decimal number of seconds, as short as it is exact."""
    seconds, nanoseconds = divmod(abs(stamp_ns), BILLION)
    fraction = (b".%09d" % nanoseconds).rstrip(b"0") if nanoseconds else b""
    return b"%b%d%b" % (b"-" if stamp_ns < 0 else b"", seconds, fraction)


def _record(key: bytes, value: bytes) -> bytes:
    """`LENGTH KEY=VALUE\\n`, where the length counts its own digits."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %b=%b\n" % (length, key, value)


def _ascii(name: bytes) -> bytes:
    """As much of a name as stands in the header for readers that know no records."""
    return name[:NAME_BYTES] if name.isascii() else bytes(b for b in name if b < 128)[:NAME_BYTES]


def _block(member: Member, name: bytes, prefix: bytes, link: bytes, seconds: int) -> bytes:
    """One header block. Numbers that do not fit are zero: a record has them."""
    device = NO_DEVICE if member.device == (0, 0) else b"%07o\0%07o\0" % member.device
    numbers = NUMBERS % (
        member.mode,
        member.uid if member.uid <= SMALL_NUMBER else 0,
        member.gid if member.gid <= SMALL_NUMBER else 0,
        member.size if member.size <= LARGE_NUMBER else 0,
        seconds if 0 <= seconds <= LARGE_NUMBER else 0,
    )
    block = FIELDS.pack(name, numbers, BLANK_CHECKSUM, member.kind, link, USTAR, device, prefix)
    # Most of it is zeros, which it costs more to add than to drop.
    return b"%b%06o\0 %b" % (block[:148], sum(block.translate(None, b"\0")), block[156:])
