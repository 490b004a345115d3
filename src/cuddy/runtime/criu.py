"""criu(8), the program that saves processes and brings them back: how it is spoken to.

`criu swrk FD` is asked over a socket, one packet a message, and asks back at points of its work
("notify"). Messages are those of its rpc.proto, in the encoding of protocol buffers: a field is a
number with a wire type, and a number or bytes. https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

import _socket
import os
import struct

from cuddy.errors import InvalidArgument, SystemFailure
from cuddy.kernel import process, program
from cuddy.runtime import handshake
from cuddy.undo import Closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import NoReturn

    from cuddy.runtime.handshake import Channel

    Value = bool | int | str | bytes | list[str] | list[bytes]
    Notice = Callable[[str, int, int], None]

DUMP, RESTORE, PRE_DUMP, NOTIFY = 1, 2, 4, 6
# fields of criu_opts
OPTIONS = {
    "images_dir_fd": 1, "pid": 2, "leave_running": 3, "ext_unix_sk": 4, "tcp_established": 5,
    "evasive_devices": 6, "shell_job": 7, "file_locks": 8, "log_level": 9, "log_file": 10, "ps": 11,
    "notify_scripts": 12, "root": 13, "parent_img": 14, "track_mem": 15, "auto_dedup": 16,
    "work_dir_fd": 17, "link_remap": 18, "cg_root": 25, "rst_sibling": 26, "inherit_fd": 27,
    "manage_cgroups": 24, "manage_cgroups_mode": 34, "external": 37, "empty_ns": 38,
    "freeze_cgroup": 44, "tcp_skip_in_flight": 46, "lazy_pages": 48, "status_fd": 49,
    "orphan_pts_master": 50, "config_file": 51, "tcp_close": 52, "lsm_profile": 53,
    "lsm_mount_context": 63,
}  # fmt: skip
CGROUP_MODES = {"ignore": 0, "none": 1, "props": 2, "soft": 3, "full": 4, "strict": 5}
MAX_MESSAGE_BYTES = 1 << 16
VARINT, SIXTY_FOUR, BYTES, THIRTY_TWO = 0, 1, 2, 5


def encode(fields: Mapping[int, Value]) -> bytes:
    """A message; a list is a field that comes several times."""
    out = bytearray()
    for number, value in fields.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, int):
                out += varint(number << 3 | VARINT) + varint(int(each) & (1 << 64) - 1)
            else:
                data = os.fsencode(each) if isinstance(each, str) else each
                out += varint(number << 3 | BYTES) + varint(len(data)) + data
    return bytes(out)


def varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; all but the last have their eighth bit set."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def decode(message: bytes) -> dict[int, int | bytes]:
    """The fields of a message, the last one of each number. Raises ValueError."""
    fields: dict[int, int | bytes] = {}
    position = 0
    while position < len(message):
        key, position = read_varint(message, position)
        kind = key & 7
        if kind == VARINT:
            value, position = read_varint(message, position)
            fields[key >> 3] = value
            continue
        if kind == BYTES:
            size, position = read_varint(message, position)
        elif kind in (SIXTY_FOUR, THIRTY_TWO):
            size = 8 if kind == SIXTY_FOUR else 4
        else:
            raise ValueError(f"unknown wire type {kind}")
        if size > len(message) - position:
            raise ValueError("message is cut short")
        fields[key >> 3] = message[position : position + size]
        position += size
    return fields


def read_varint(message: bytes, position: int) -> tuple[int, int]:
    """A number, and where it ends. Raises ValueError."""
    number = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            raise ValueError("message is cut short")
        byte = message[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number & (1 << 64) - 1, position
    raise ValueError("number is too long")


def find(name: str) -> str:
    """The path of criu, a name or path. Raises SystemFailure."""
    path = name if "/" in name else program.find(name)
    if not path or not os.access(path, os.X_OK):
        raise SystemFailure(
            f"{name} is not installed: checkpoint and restore are its work",
            hint="'apt install criu' or your distribution's package; 'criu check' says if it works",
        )
    return path


class Criu(Closing):
    """A running criu, to be asked once."""

    def __init__(
        self,
        path: str,
        descriptors: list[int],
        *,
        flags: int = 0,
        cgroup_fd: int = -1,
        prepare: Callable[[], None] = lambda: None,
    ) -> None:
        """`descriptors`: those that messages name; `prepare`: what its process does first.

        Raises SystemFailure.
        """
        self._troubles, channel = handshake.pair()
        child = process.clone(flags, cgroup_fd=cgroup_fd)
        if child.pid == 0:
            self._troubles.close()
            try:
                prepare()
                become(path, make_socket(channel), descriptors)
            except (OSError, InvalidArgument, SystemFailure) as error:
                channel.send("error", f"cannot run criu: {error}")
            finally:
                os._exit(1)
        channel.close()
        self._child = child
        first = self._troubles.receive()
        self._socket = _socket.socket(fileno=first.fd) if first.fd >= 0 else None
        if not self._socket:
            self.close()
            raise SystemFailure(first.text or "cannot run criu")

    def ask(
        self, kind: int, options: Mapping[str, Value], notice: Notice = lambda *_: None
    ) -> dict[int, int | bytes]:
        """Its answer to a request; `notice` hears script, pid and a descriptor or -1 on the way.

        Raises SystemFailure.
        """
        opts = encode({OPTIONS[name]: value for name, value in options.items()})
        assert self._socket
        self._socket.sendmsg([encode({1: kind, 2: opts})])
        for answer, fd in self._answers():
            if answer.get(1) != NOTIFY:
                return answer
            notify = decode(as_bytes(answer.get(5)))
            script = as_bytes(notify.get(1)).decode(errors="replace")
            notice(script, as_int(notify.get(2)), fd)
            self._socket.sendmsg([encode({1: NOTIFY, 3: True})])
        trouble = self._troubles.receive()
        raise SystemFailure(trouble.text or "criu has ended without an answer")

    def _answers(self) -> Iterator[tuple[dict[int, int | bytes], int]]:
        """What it says, with the descriptor that came along or -1, until it has ended."""
        room = _socket.CMSG_SPACE(struct.calcsize("i"))
        assert self._socket
        while True:
            packet, attached, _, _ = self._socket.recvmsg(
                MAX_MESSAGE_BYTES, room, _socket.MSG_CMSG_CLOEXEC
            )
            if not packet:
                return
            try:
                yield decode(packet), struct.unpack("i", attached[0][2])[0] if attached else -1
            except ValueError as error:
                raise SystemFailure(f"criu cannot be understood: {error}") from None

    def close(self) -> None:
        """Let it end, and bury it."""
        if self._socket:
            self._socket.close()
        self._troubles.close()
        os.waitpid(self._child.pid, 0)
        os.close(self._child.pidfd)


def as_bytes(value: int | bytes | None) -> bytes:
    """A field that holds bytes; empty if it is missing or a number."""
    return value if isinstance(value, bytes) else b""


def as_int(value: int | bytes | None) -> int:
    """A field that holds a number; 0 if it is missing or bytes."""
    return value if isinstance(value, int) else 0


def make_socket(channel: Channel) -> int:
    """The child's end of a pair, whose other end it sends.

    Who makes the pair is whose descriptors criu takes those in messages to be, in whose mounts.
    """
    kind = _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC
    theirs, ours = _socket.socketpair(_socket.AF_UNIX, kind)
    channel.send("socket", fd=theirs.fileno())
    theirs.close()
    return ours.detach()


def become(path: str, socket_fd: int, descriptors: list[int]) -> NoReturn:
    """The child's last steps. Raises OSError."""
    process.reset_signals()
    null_fd = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    for number in (0, 1, 2):
        os.dup2(null_fd, number)
    process.close_on_exec_from(3)
    for fd in (socket_fd, *descriptors):
        os.set_inheritable(fd, True)
    os.execve(path, [path, "swrk", str(socket_fd)], {"PATH": program.ENVIRONMENT["PATH"]})


def check(answer: Mapping[int, int | bytes], doing: str, log: str) -> None:
    """Raise SystemFailure if an answer is not "success", with the last error of its log."""
    if answer.get(2):
        return
    reason = last_error(log) or as_bytes(answer.get(9)).decode(errors="replace").strip()
    if not reason and (code := as_int(answer.get(7))):
        reason = os.strerror(code).lower()
    raise SystemFailure(f"criu failed: {doing}: {reason or 'no reason given'}\nlog file: {log}")


def last_error(log: str) -> str:
    """The last error before the general one in a log of criu's: what follows is clearing up."""
    try:
        with open(log, errors="replace") as file:
            lines = [line.strip() for line in file if "Error (" in line]
    except OSError:
        return ""
    said = [line.partition("Error (")[2].partition("): ")[2] for line in lines]
    general = [place for place, text in enumerate(said) if text.endswith("FAILED.")]
    return (said[: general[0]] if general and general[0] else said or [""])[-1]
