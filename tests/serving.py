"""A server in a container, and what it says to who comes."""

from __future__ import annotations

import socket
import time

from console import TIME_FACTOR

SERVE = "while :; do echo served | nc -l -p 7000; done"


def ask(address: str, port: int) -> str:
    """What a server says to the first who comes; it may need a moment to listen again."""
    deadline = time.monotonic() + 10 * TIME_FACTOR
    while True:
        try:
            with socket.create_connection((address, port), timeout=1 * TIME_FACTOR) as client:
                if said := client.recv(100).decode().strip():
                    return said
        except OSError:
            pass
        assert time.monotonic() < deadline, f"nobody answers at {address}:{port}"
        time.sleep(0.02)
