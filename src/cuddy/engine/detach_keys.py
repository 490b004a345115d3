"""The keys that leave a container running: `ctrl-p,ctrl-q`, or what --detach-keys says."""

from __future__ import annotations

from cuddy.errors import UsageError

DEFAULT = "ctrl-p,ctrl-q"
_CONTROL = "@abcdefghijklmnopqrstuvwxyz[\\]^_"  # ctrl-@ is 0, ctrl-_ is 31


def parse_keys(text: str) -> bytes:
    """The bytes a terminal sends for a sequence such as `ctrl-a,b`. Raises UsageError."""
    return bytes(_code(key, text) for key in (text or DEFAULT).lower().split(","))


def _code(key: str, text: str) -> int:
    if len(key) == 1 and key.isascii():
        return ord(key)
    if len(key) == 6 and key.startswith("ctrl-") and key[5] in _CONTROL:
        return _CONTROL.index(key[5])
    raise UsageError(
        f"invalid detach keys ({text}): unknown character: '{key}'",
        hint="letters and ctrl-LETTER with commas between, such as ctrl-p,ctrl-q",
    )


class DetachKeys:
    """Watches what is typed for the sequence. A beginning is held back until it is decided."""

    def __init__(self, keys: bytes) -> None:
        self.keys = keys
        self.typed = 0  # how many of the keys have been seen

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """What to pass on, and whether the sequence is complete."""
        passed = bytearray()
        for byte in data:
            while self.typed and byte != self.keys[self.typed]:
                self._step_back(passed)
            if byte != self.keys[self.typed]:
                passed.append(byte)
                continue
            self.typed += 1
            if self.typed == len(self.keys):
                self.typed = 0
                return bytes(passed), True
        return bytes(passed), False

    def _step_back(self, passed: bytearray) -> None:
        """Give up the oldest held keys until the rest is a beginning of the sequence again."""
        held = self.keys[: self.typed]
        self.typed = next(n for n in range(len(held) - 1, -1, -1) if self.keys[:n] == held[-n:][:n])
        passed += held[: len(held) - self.typed]
