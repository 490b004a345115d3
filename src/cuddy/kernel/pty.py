"""Terminals: pseudo-terminals of one devpts instance, window sizes, raw mode (pts(4),
termios(3)).
"""

from __future__ import annotations

import fcntl
import os
import struct
import termios

from cuddy.shapes import NamedTuple

TIOCSPTLCK = 0x40045431
TIOCGPTPEER = 0x5441


class Size(NamedTuple):
    """A window's size in characters."""

    rows: int
    columns: int


def open_pty(devpts: str) -> tuple[int, int]:
    """A new pair (master, slave) of the devpts instance mounted at `devpts`.

    The slave is asked of the master itself (TIOCGPTPEER): no path that somebody else could have
    replaced is opened.
    """
    flags = os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC
    master = os.open(f"{devpts}/ptmx", flags)
    fcntl.ioctl(master, TIOCSPTLCK, struct.pack("=i", 0))
    return master, fcntl.ioctl(master, TIOCGPTPEER, flags)


def take_terminal(slave: int) -> None:
    """Make a terminal the controlling one of this session, which must have none: setsid(2)
    first.
    """
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)


def set_size(fd: int, size: Size) -> None:
    """Tell a terminal its window's size; the foreground processes get SIGWINCH."""
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("=4H", size.rows, size.columns, 0, 0))


def get_size(fd: int) -> Size:
    """The window's size as the terminal knows it."""
    rows, columns, _, _ = struct.unpack("=4H", fcntl.ioctl(fd, termios.TIOCGWINSZ, bytes(8)))
    return Size(rows, columns)
