"""A container's terminal: a pty of its own devpts, whose master is sent to whoever watches it.

The caller's own terminal never goes inside: with it a container could type commands into the
caller's shell (TIOCSTI, CVE-2016-2568).
"""

from __future__ import annotations

import os

from cuddy.kernel import mount, pty, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.runtime.handshake import Channel
    from cuddy.runtime.spec import Process


def open_terminal(root_fd: int, spec: Process, channel: Channel) -> int:
    """Open a pty in the root's /dev/pts, send its master away, take its slave for our streams.

    Returns the slave, which the caller closes.
    """
    devpts_fd = resolve.open_beneath(root_fd, "dev/pts", os.O_PATH | os.O_DIRECTORY)
    try:
        master, slave = pty.open_pty(f"/proc/self/fd/{devpts_fd}")
    finally:
        os.close(devpts_fd)
    if size := spec.get("consoleSize"):
        pty.set_size(master, pty.Size(size["height"], size["width"]))
    channel.send("terminal", fd=master)
    os.close(master)
    pty.take_terminal(slave)
    for number in (0, 1, 2):
        os.dup2(slave, number)
    return slave


def show_console(root_fd: int, slave: int) -> None:
    """The slave as /dev/console."""
    from cuddy.runtime import masks, targets  # which init has loaded; `exec` shows no console

    targets.make_leaf(root_fd, "/dev/console", directory=False)
    console_fd = resolve.open_beneath(root_fd, "dev/console", os.O_PATH)
    tree_fd = masks.clone_mount(slave)
    try:
        mount.move_mount(tree_fd, "", dir_fd=console_fd)
    finally:
        os.close(tree_fd)
        os.close(console_fd)
