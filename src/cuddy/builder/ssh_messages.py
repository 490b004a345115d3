"""What programs and an ssh agent say to each other (draft-ietf-sshm-ssh-agent), as far as we look.

uint32 length | byte type | contents
"""

from __future__ import annotations

MAX_BYTES = 256 << 10
"""OpenSSH's own limit."""
HEADER = 4
FAILURE = b"\0\0\0\1\5"
REQUEST_IDENTITIES = 11
SIGN_REQUEST = 13
EXTENSION = 27
QUESTIONS = frozenset((REQUEST_IDENTITIES, SIGN_REQUEST, EXTENSION))
"""What changes nothing in an agent."""


class Reader:
    """Bytes as they come, cut into messages."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are complete now, each with its length. Raises ValueError."""
        found = []
        self._rest += data
        while len(self._rest) >= HEADER:
            length = int.from_bytes(self._rest[:HEADER], "big")
            if not 0 < length <= MAX_BYTES:
                raise ValueError(f"a message of {length} bytes")
            if len(self._rest) < HEADER + length:
                break
            found.append(self._rest[: HEADER + length])
            self._rest = self._rest[HEADER + length :]
        return found


def is_question(message: bytes) -> bool:
    """Whether a message only asks."""
    return message[HEADER] in QUESTIONS
