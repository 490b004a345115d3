"""DNS messages (RFC 1035, section 4): what a resolver must know of them, and its own answers.

A resolver that passes questions on need not understand what it passes on: of a query it reads the
one question and EDNS's limit, of an answer whether it answers just that question, and which
addresses the name leads to. Both come from strangers, so every walk through a message has an end:
names are at most 255 bytes, pointers lead backwards only, and records are counted. Pure.
"""

from __future__ import annotations

import _socket
import struct

from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HEADER = struct.Struct("!6H")  # id, flags, and how many questions, answers, authorities, additional
QUESTION_TAIL = struct.Struct("!HH")  # type, class
RECORD_TAIL = struct.Struct("!HHIH")  # type, class, TTL, length of the data

# Flags, and the codes in their last four bits: RFC 1035, section 4.1.1; RFC 4035, section 3.2
QR, AA, TC, RD, RA, CD = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080, 0x0010
OPCODE = 0x7800
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)
BADVERS = 16  # its upper bits are in EDNS's record

A, CNAME, PTR, AAAA, OPT, ANY = 1, 5, 12, 28, 41, 255
IN = 1

MIN_UDP_BYTES = 512  # what every client can take: RFC 1035, section 4.2.1
OWN_UDP_BYTES = 1232  # what we say that we take: no router between, but no reason for more either
MAX_UDP_BYTES = 65000  # a datagram has headers too
MAX_BYTES = 65535
MAX_NAME_BYTES = 255
MAX_POINTERS = 128
MAX_QUERY_RECORDS = 8  # besides the question: EDNS, a signature
MAX_ANSWERS = 512  # records of an answer that are looked at
MAX_CNAMES = 16
PLAIN = frozenset(range(33, 127)) - frozenset(b".\\")


class Malformed(Exception):
    """A message that cannot be understood. `code`: how it is answered; -1: not at all."""

    def __init__(self, code: int = -1) -> None:
        super().__init__(code)
        self.code = code


class Query(NamedTuple):
    """A question, and how it may be answered."""

    id: int
    flags: int
    name: str  # in lower case, without the final dot; bytes outside of printable ASCII as \ddd
    qtype: int
    qclass: int
    question: bytes  # as it came
    udp_bytes: int  # the most that its sender takes in one datagram
    has_edns: bool = False
    edns_version: int = 0


class Record(NamedTuple):
    """Where the parts of a record are in a message."""

    name: int
    type: int
    class_: int
    ttl: int
    data: int
    length: int


class Answer(NamedTuple):
    """What is known of an answer to a query of ours."""

    code: int
    is_truncated: bool = False
    addresses: tuple[str, ...] = ()  # to which the name leads
    ttl_s: int = 0  # the least on the way


def read_query(data: bytes) -> Query:
    """The question of a query. Raises Malformed."""
    if len(data) < HEADER.size:
        raise Malformed
    identity, flags, questions, *others = HEADER.unpack_from(data)
    if flags & QR:
        raise Malformed  # an answer: to answer those would be to talk for ever
    if flags & OPCODE:
        raise Malformed(NOTIMP)
    if questions != 1 or sum(others) > MAX_QUERY_RECORDS:
        raise Malformed(FORMERR)
    try:
        name, end = read_name(data, HEADER.size, is_plain=True)
        qtype, qclass = QUESTION_TAIL.unpack_from(data, end)
        end += QUESTION_TAIL.size
        known = Query(identity, flags, name, qtype, qclass, data[HEADER.size : end], MIN_UDP_BYTES)
        for record in records(data, end, sum(others)):
            if record.type == OPT:
                version = record.ttl >> 16 & 0xFF
                size = min(max(record.class_, MIN_UDP_BYTES), MAX_UDP_BYTES)
                known = known._replace(udp_bytes=size, has_edns=True, edns_version=version)
    except (struct.error, Malformed):
        raise Malformed(FORMERR) from None
    return known


def write_query(name: str, qtype: int, identity: int) -> bytes:
    """A question about a name, to a server that is to find the answer. Raises Malformed."""
    if not is_name(name.removesuffix(".")):
        raise Malformed
    head = HEADER.pack(identity, RD, 1, 0, 0, 0)
    return head + write_name(name.removesuffix(".")) + QUESTION_TAIL.pack(qtype, IN)


def read_answer(query: Query, identity: int, data: bytes) -> Answer:
    """What an answer says. Raises Malformed unless it answers that query, sent as `identity`."""
    if len(data) < HEADER.size:
        raise Malformed
    found, flags, questions, answers, *_ = HEADER.unpack_from(data)
    if found != identity or not flags & QR or flags & OPCODE:
        raise Malformed
    code = flags & 0xF
    if not questions and code not in (NOERROR, NXDOMAIN):
        return Answer(code)  # it did not even understand the question
    try:
        name, end = read_name(data, HEADER.size)
        asked = (name, *QUESTION_TAIL.unpack_from(data, end))
        if questions != 1 or asked != (query.name, query.qtype, query.qclass):
            raise Malformed
        count = min(answers, MAX_ANSWERS)
        addresses, ttl_s = read_addresses(data, name, end + QUESTION_TAIL.size, count)
    except struct.error:
        raise Malformed from None
    return Answer(code, bool(flags & TC), addresses, ttl_s)


def read_addresses(data: bytes, name: str, offset: int, count: int) -> tuple[tuple[str, ...], int]:
    """The addresses that a name leads to by way of CNAMEs, and the least TTL on the way.

    Other records with addresses are none of the asker's business. Raises Malformed.
    """
    aliases: dict[str, tuple[str, int]] = {}
    found: dict[str, dict[str, int]] = {}
    for record in records(data, offset, count):
        if record.class_ != IN or record.type not in (A, AAAA, CNAME):
            continue
        owner = read_name(data, record.name)[0]
        if record.type == CNAME:
            aliases[owner] = (read_name(data, record.data)[0], record.ttl)
        elif record.length == (4 if record.type == A else 16):
            packed = data[record.data : record.data + record.length]
            family = _socket.AF_INET if record.type == A else _socket.AF_INET6
            found.setdefault(owner, {})[_socket.inet_ntop(family, packed)] = record.ttl
    ttls = []
    for _ in range(MAX_CNAMES):
        if name in found or name not in aliases:
            break
        name, ttl = aliases[name]
        ttls.append(ttl)
    addresses = found.get(name, {})
    return tuple(addresses), min([*ttls, *addresses.values()], default=0)


def records(data: bytes, offset: int, count: int) -> Iterator[Record]:
    """The records from an offset on. Raises Malformed, struct.error."""
    for _ in range(count):
        end = skip_name(data, offset)
        kind, class_, ttl, length = RECORD_TAIL.unpack_from(data, end)
        start = end + RECORD_TAIL.size
        if start + length > len(data):
            raise Malformed
        yield Record(offset, kind, class_, ttl, start, length)
        offset = start + length


def skip_name(data: bytes, offset: int) -> int:
    """Where a name ends that begins at an offset. Raises Malformed."""
    while offset < len(data):
        length = data[offset]
        if length >= 0xC0:
            return offset + 2
        offset += length + 1
        if not length:
            return offset
        if length > 63:
            break
    raise Malformed


def read_name(data: bytes, offset: int, *, is_plain: bool = False) -> tuple[str, int]:
    """A name as `Query.name`, and where it ends. `is_plain`: without pointers. Raises Malformed."""
    end = skip_name(data, offset)
    labels: list[str] = []
    size, pointers = 1, 0
    while offset < len(data) and (length := data[offset]):
        if length >= 0xC0:
            target = int.from_bytes(data[offset : offset + 2]) & 0x3FFF
            pointers += 1
            if is_plain or target >= offset or pointers > MAX_POINTERS:
                raise Malformed
            offset = target
            continue
        size += length + 1
        if length > 63 or size > MAX_NAME_BYTES:
            raise Malformed
        labels.append(read_label(data[offset + 1 : offset + 1 + length]))
        offset += length + 1
    if offset >= len(data) or end > len(data):
        raise Malformed
    return ".".join(labels), end


def read_label(label: bytes) -> str:
    """A label as part of a name: no two names look the same that differ in more than case."""
    text = label.lower()
    if text.isalnum() or set(text) <= PLAIN:
        return text.decode()
    return "".join(chr(byte) if byte in PLAIN else f"\\{byte:03d}" for byte in text)


def is_name(name: str) -> bool:
    """Whether `write_name` can write it."""
    return (
        name.isascii()
        and 0 < len(name) < MAX_NAME_BYTES - 1
        and all(0 < len(label) < 64 for label in name.split("."))
    )


def write_name(name: str) -> bytes:
    """A name as it travels: lengths and labels."""
    labels = [label.encode() for label in name.split(".")]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def address_record(address: str, ttl_s: int) -> bytes:
    """An A or AAAA record of the name that was asked for."""
    if ":" in address:
        return record(AAAA, ttl_s, _socket.inet_pton(_socket.AF_INET6, address))
    return record(A, ttl_s, _socket.inet_pton(_socket.AF_INET, address))


def record(kind: int, ttl_s: int, data: bytes) -> bytes:
    """A record of the name that was asked for, which stands at the end of the header."""
    name = struct.pack("!H", 0xC000 | HEADER.size)
    return name + RECORD_TAIL.pack(kind, IN, ttl_s, len(data)) + data


def reply(
    query: Query, code: int, answers: Sequence[bytes] = (), *, is_udp: bool, is_own: bool = False
) -> bytes:
    """An answer of ours; what does not fit is left out, and the answer says so."""
    room = query.udp_bytes if is_udp else MAX_BYTES
    edns = write_edns(code) if query.has_edns else b""
    room -= HEADER.size + len(query.question) + len(edns)
    fitting: list[bytes] = []
    for answer in answers:
        room -= len(answer)
        if room < 0:
            break
        fitting.append(answer)
    flags = QR | RA | query.flags & (RD | CD) | (AA if is_own else 0) | code & 0xF
    if len(fitting) < len(answers):
        flags |= TC
    head = HEADER.pack(query.id, flags, 1, len(fitting), 0, bool(edns))
    return b"".join([head, query.question, *fitting, edns])


def write_edns(code: int) -> bytes:
    """EDNS's record of an answer: RFC 6891, section 6.1."""
    return b"\0" + RECORD_TAIL.pack(OPT, OWN_UDP_BYTES, code >> 4 << 24, 0)


def refuse(data: bytes, code: int) -> bytes:
    """The answer to a query that makes no sense."""
    identity, flags = HEADER.unpack_from(data)[:2]
    return HEADER.pack(identity, QR | flags & (OPCODE | RD) | code, 0, 0, 0, 0)


def pass_on(query: Query, data: bytes, *, is_udp: bool) -> bytes:
    """The answer of another server as the asker gets it: under its own id, and cut to its size."""
    if is_udp and len(data) > query.udp_bytes:
        flags = HEADER.unpack_from(data)[1]
        edns = write_edns(NOERROR) if query.has_edns else b""
        return HEADER.pack(query.id, flags | TC, 1, 0, 0, bool(edns)) + query.question + edns
    return with_id(data, query.id)


def with_id(data: bytes, identity: int) -> bytes:
    """A message under another id."""
    return identity.to_bytes(2) + data[2:]
