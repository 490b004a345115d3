"""A reader of tar streams that trusts nothing: ustar, GNU, PAX (pax(1), tar(5), star's xattrs).

    for member in tar.members(stream):
        ... stream.copy(member.stored_bytes, write) ...      or leave it: it is skipped

Names are bytes and stay what they are. Every number, length and record is checked and bounded; what
does not add up raises CorruptContent. No meaning is given to names here: `layer` does that.
"""

from __future__ import annotations

from cuddy.errors import CorruptContent
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BLOCK = 512
NO_BLOCK = bytes(BLOCK)
MAX_EXTENDED_BYTES = 1 << 20
"""Of one PAX header or GNU long name."""
MAX_FILE_BYTES = 1 << 42
MAX_ID = (1 << 32) - 2
MAX_SECONDS = 1 << 40
MAX_SPARSE_PARTS = 1 << 16

FILE, LINK, SYMLINK, CHARACTER, BLOCK_DEVICE, DIRECTORY, FIFO = b"0123456"
CONTIGUOUS, SPARSE = ord("7"), ord("S")
HEADER_ONLY = frozenset(b"123456")
FILES = frozenset((0, FILE, CONTIGUOUS, SPARSE))
XATTR_PREFIX = b"SCHILY.xattr."


class Member(NamedTuple):
    """One entry of an archive. `stored_bytes` follow in the stream, `size` is what they make."""

    name: bytes
    kind: int
    mode: int
    uid: int
    gid: int
    size: int
    mtime_ns: int
    link: bytes
    device: tuple[int, int]
    stored_bytes: int
    xattrs: dict[bytes, bytes]
    sparse: list[tuple[int, int]] | None


class Stream:
    """Bytes from an iterator of chunks, taken in the sizes one asks for."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._chunk = b""
        self._position = 0
        self._passed = 0

    @property
    def offset(self) -> int:
        """How many bytes were taken so far."""
        return self._passed + self._position

    def _more(self) -> bool:
        """Go on to the next chunk that is not empty."""
        self._passed += self._position
        self._position = 0
        for chunk in self._chunks:
            if chunk:
                self._chunk = chunk
                return True
        self._chunk = b""
        return False

    def take(self, length: int) -> bytes:
        """The next `length` bytes, or all there are."""
        taken = self._chunk[self._position : self._position + length]
        self._position += len(taken)
        if len(taken) == length:
            return taken
        parts = [taken]
        length -= len(taken)
        while length and self._more():
            part = self._chunk[:length]
            self._position = len(part)
            length -= len(part)
            parts.append(part)
        return b"".join(parts)

    def copy(self, length: int, write: Callable[[memoryview], object]) -> None:
        """Hand the next `length` bytes to `write`, in pieces. Raises CorruptContent at the end."""
        while length > 0:
            if self._position >= len(self._chunk) and not self._more():
                raise CorruptContent("the archive ends in the middle of a file")
            piece = memoryview(self._chunk)[self._position : self._position + length]
            write(piece)
            self._position += len(piece)
            length -= len(piece)

    def skip(self, length: int, padding: int = 0) -> None:
        """Pass over the next bytes. Raises CorruptContent where they end too soon.

        Padding may lack: Docker's client sends archives without that of the last member.
        """
        if self._position + length + padding <= len(self._chunk):
            self._position += length + padding
        else:
            self.copy(length, len)
            self.take(padding)

    def drain(self) -> None:
        """Read to the end: what follows the archive's end mark still counts for the diff_id."""
        self._position = len(self._chunk)
        while self._more():
            self._position = len(self._chunk)


def members(stream: Stream) -> Iterator[Member]:
    """The members of an archive in order; then the stream is read to its end."""
    while (header := _next_header(stream)) is not None:
        extended: dict[bytes, bytes] = {}
        start = stream.offset
        while header[156] in b"xgLK":
            _read_extension(stream, header, extended)
            header = _next_header(stream)
            if header is None or stream.offset - start > 2 * MAX_EXTENDED_BYTES:
                raise CorruptContent("the archive has extended headers without a file")
        member = _member(stream, header, extended)
        end = stream.offset + member.stored_bytes
        yield member
        stream.skip(end - stream.offset, -end % BLOCK)
    stream.drain()


def _next_header(stream: Stream) -> bytes | None:
    """The next header block; None at the end mark, or where the archive just stops."""
    block = stream.take(BLOCK)
    if not block or block == NO_BLOCK:
        return None
    if len(block) < BLOCK:
        raise CorruptContent("the archive ends in the middle of a header")
    check_header(block)
    return block


def check_header(block: bytes) -> None:
    """Whether a block can be a header at all. Raises CorruptContent."""
    stored = block[148:156].strip(b" \0")
    if stored.strip(b"01234567") or not stored:
        raise CorruptContent("it is not a tar archive")
    unsigned = sum(block) - sum(block[148:156]) + 8 * ord(" ")
    if int(stored, 8) != unsigned and int(stored, 8) != _signed_sum(block):
        raise CorruptContent("it is not a tar archive, or is damaged: wrong checksum")


def _signed_sum(block: bytes) -> int:
    """What old programs with signed characters wrote as the checksum."""
    counted = block[:148] + b" " * 8 + block[156:]
    return sum(byte - 256 if byte > 127 else byte for byte in counted)


_numbers: dict[bytes, int] = {}
"""Fields that were read before: owners, modes and times are the same in most entries."""
MAX_NUMBERS = 1000


def octal(field: bytes, what: str) -> int:
    """A number in octal digits, or GNU's binary form of it. Raises CorruptContent."""
    number = _numbers.get(field)
    if number is None:
        number = _octal(field, what)
        if len(_numbers) < MAX_NUMBERS:
            _numbers[field] = number
    return number


def _octal(field: bytes, what: str) -> int:
    digits = field.strip(b" \0")
    if not digits.isdigit() or b"8" in digits or b"9" in digits:
        if field[0] >= 0x80:
            # Two's complement in all bytes, under a first bit that only says so.
            rest = int.from_bytes(field, "big") - (1 << 8 * len(field) - 1)
            return rest - (1 << 8 * len(field) - 1) if field[0] & 0x40 else rest
        digits = field.partition(b"\0")[0].strip(b" ")
        if digits.strip(b"01234567"):
            raise CorruptContent(f"the archive has a {what} of {field!r}")
    return int(digits or b"0", 8)


def decimal(text: bytes, what: str) -> int:
    """A number as PAX records write it. Raises CorruptContent."""
    if not text.isdigit() or len(text) > 20:
        raise CorruptContent(f"the archive has a {what} of {text[:40]!r}")
    return int(text)


def _string(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _read_extension(stream: Stream, header: bytes, extended: dict[bytes, bytes]) -> None:
    """Take in what a PAX or GNU header says about the member that follows it."""
    size = octal(header[124:136], "size")
    if not 0 <= size <= MAX_EXTENDED_BYTES:
        raise CorruptContent(f"the archive has an extended header of {size} bytes")
    data = stream.take(size)
    if len(data) < size:
        raise CorruptContent("the archive ends in the middle of an extended header")
    stream.skip(-size % BLOCK)
    kind = header[156]
    if kind == ord("L"):
        extended[b"path"] = _string(data)
    elif kind == ord("K"):
        extended[b"linkpath"] = _string(data)
    elif kind == ord("x"):
        extended |= parse_pax(data)
    # Global headers ("g") hold comments in practice; Docker reads no more into them.


def parse_pax(data: bytes) -> dict[bytes, bytes]:
    """The records of a PAX header, `LENGTH KEY=VALUE\\n` each. Raises CorruptContent.

    The oldest sparse format repeats two keys; they are collected into the map of the next one.
    """
    records: dict[bytes, bytes] = {}
    parts: list[bytes] = []
    position = 0
    while position < len(data):
        space = data.find(b" ", position, position + 20)
        length = decimal(data[position : max(space, position)], "PAX record length")
        record = data[space + 1 : position + length]
        key, equals, value = record[:-1].partition(b"=")
        if length <= space + 1 - position or position + length > len(data) or not equals or not key:
            raise CorruptContent("the archive has a PAX record whose length is wrong")
        if record[-1:] != b"\n" or b"\0" in key:
            raise CorruptContent("the archive has a PAX record that does not end where it says")
        if key in (b"GNU.sparse.offset", b"GNU.sparse.numbytes"):
            parts.append(value)
        records[key] = value
        position += length
    if parts:
        records[b"GNU.sparse.map"] = b",".join(parts)
    return records


def _member(stream: Stream, header: bytes, extended: dict[bytes, bytes]) -> Member:
    """Put header and extensions together, and check all of it."""
    kind = header[156]
    name = extended.get(b"path") or _ustar_name(header)
    if kind == 0 and name.endswith(b"/"):
        kind = DIRECTORY  # before ustar, directories were files with a slash
    if kind not in FILES and kind not in HEADER_ONLY:
        raise CorruptContent(f"the archive has an entry of unknown type {chr(kind)!r}")
    stored = _size(header, extended)
    size, sparse = (0 if kind in HEADER_ONLY else stored), None
    if kind in HEADER_ONLY:
        stored = 0
    elif kind == SPARSE or (extended and any(key.startswith(b"GNU.sparse.") for key in extended)):
        name, size, stored, sparse = _sparse(stream, header, extended, name, stored)
    link = extended.get(b"linkpath") or _string(header[157:257])
    if b"\0" in name or b"\0" in link:
        raise CorruptContent("the archive has a name with a zero byte in it")
    return Member(
        name,
        FILE if kind in FILES else kind,
        octal(header[100:108], "mode") & 0o7777,
        _identity(header[108:116], extended.get(b"uid"), "owner"),
        _identity(header[116:124], extended.get(b"gid"), "group"),
        size,
        _mtime_ns(header, extended),
        link,
        _device(header) if kind in (CHARACTER, BLOCK_DEVICE) else (0, 0),
        stored,
        _xattrs(extended),
        sparse,
    )


def _ustar_name(header: bytes) -> bytes:
    name = _string(header[:100])
    # GNU's archives have other things where ustar has the prefix.
    if header[257:263] == b"ustar\0" and header[345]:
        name = _string(header[345:500]) + b"/" + name
    return name


def _size(header: bytes, extended: dict[bytes, bytes]) -> int:
    written = extended.get(b"size")
    size = decimal(written, "size") if written else octal(header[124:136], "size")
    if not 0 <= size <= MAX_FILE_BYTES:
        raise CorruptContent(f"the archive has a file of {size} bytes")
    return size


def _identity(field: bytes, written: bytes | None, what: str) -> int:
    number = decimal(written, what) if written else octal(field, what)
    if not 0 <= number <= MAX_ID:
        raise CorruptContent(f"the archive has a file with {what} {number}")
    return number


def _mtime_ns(header: bytes, extended: dict[bytes, bytes]) -> int:
    written = extended.get(b"mtime")
    if not written:
        seconds, fraction = octal(header[136:148], "time"), 0
        sign = 1
    else:
        whole, _, digits = written.lstrip(b"-").partition(b".")
        sign = -1 if written.startswith(b"-") else 1
        seconds = decimal(whole or b"0", "time")
        fraction = decimal((digits + b"000000000")[:9], "time")
    if not -MAX_SECONDS <= seconds <= MAX_SECONDS:
        return 0  # nonsense, but harmless nonsense: Docker reads it as 1970 too
    return sign * (seconds * 1_000_000_000 + fraction)


def _device(header: bytes) -> tuple[int, int]:
    major, minor = octal(header[329:337], "device"), octal(header[337:345], "device")
    if not (0 <= major < 1 << 12 and 0 <= minor < 1 << 20):
        raise CorruptContent(f"the archive has a device {major}:{minor}")
    return major, minor


NO_XATTRS: dict[bytes, bytes] = {}


def _xattrs(extended: dict[bytes, bytes]) -> dict[bytes, bytes]:
    if not extended:
        return NO_XATTRS
    return {
        key.removeprefix(XATTR_PREFIX): value
        for key, value in extended.items()
        if key.startswith(XATTR_PREFIX)
    }


def _sparse(
    stream: Stream, header: bytes, extended: dict[bytes, bytes], name: bytes, stored: int
) -> tuple[bytes, int, int, list[tuple[int, int]]]:
    """Name, full size, stored size and map of a file with holes, in any of GNU's four formats."""
    if header[156] == SPARSE:
        numbers, size = _old_sparse_map(stream, header)
    else:
        written = extended.get(b"GNU.sparse.realsize") or extended.get(b"GNU.sparse.size") or b""
        size = decimal(written, "size")
        name = extended.get(b"GNU.sparse.name") or name
        if extended.get(b"GNU.sparse.major") == b"1":
            start = stream.offset
            numbers = _leading_sparse_map(stream, stored)
            stored -= stream.offset - start
        else:
            texts = extended.get(b"GNU.sparse.map", b"").split(b",")
            numbers = [decimal(text, "sparse map") for text in texts if text]
    if not 0 <= size <= MAX_FILE_BYTES:
        raise CorruptContent(f"the archive has a file of {size} bytes")
    parts = list(zip(numbers[::2], numbers[1::2]))
    _check_sparse(parts, len(numbers), size, stored)
    return name, size, stored, parts


def _check_sparse(parts: list[tuple[int, int]], count: int, size: int, stored: int) -> None:
    end = 0
    for offset, length in parts:
        if offset < end or length < 0:
            raise CorruptContent("the archive has a sparse file whose parts overlap")
        end = offset + length
    if end > size or count % 2 or sum(length for _, length in parts) != stored:
        raise CorruptContent("the archive has a sparse file whose map does not fit its size")


def _old_sparse_map(stream: Stream, header: bytes) -> tuple[list[int], int]:
    """GNU's first format: four parts in the header, 21 more in each block that follows."""
    block, start, count, flag = header, 386, 4, 482
    numbers: list[int] = []
    while True:
        for position in range(start, start + 24 * count, 12):
            if block[position]:
                numbers.append(octal(block[position : position + 12], "sparse map"))
        if not block[flag]:
            return numbers, octal(header[483:495], "size")
        block, start, count, flag = stream.take(BLOCK), 0, 21, 504
        if len(block) < BLOCK or len(numbers) > 2 * MAX_SPARSE_PARTS:
            raise CorruptContent("the archive has a sparse file whose map does not end")


def _leading_sparse_map(stream: Stream, stored: int) -> list[int]:
    """GNU's newest format: the map is text in front of the data, filled up to a block."""
    numbers: list[int] = []
    rest, read, wanted = b"", 0, 1
    while len(numbers) < wanted:
        block = stream.take(BLOCK) if read + BLOCK <= stored else b""
        read += len(block)
        if len(block) < BLOCK or len(rest) > BLOCK or wanted > 2 * MAX_SPARSE_PARTS:
            raise CorruptContent("the archive has a sparse file whose map does not end")
        *lines, rest = (rest + block).split(b"\n")
        numbers += [decimal(line, "sparse map") for line in lines]
        wanted = 1 + 2 * numbers[0] if numbers else 1
    return numbers[1:wanted]
