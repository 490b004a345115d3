"""System call numbers by name, for each architecture a seccomp filter may meet.

The lists are compact text in a module for each family, read only when a filter is compiled.
"""

from __future__ import annotations

from cuddy.shapes import NamedTuple

X32_BIT = 0x40000000
PRIVATE = 0x0F0000
"""From here on arm numbers its own calls; they tell nothing about a kernel's age."""


class Multiplexer(NamedTuple):
    """A call whose first argument says which call is meant, and what it says for each."""

    number: int
    codes: dict[str, int]


def load(architecture: str) -> dict[str, int]:
    """The numbers of x86_64, x86, x32 (without its bit), aarch64 or arm."""
    if architecture in ("aarch64", "arm"):
        from cuddy.kernel import syscall_table_arm as arm

        return read(arm.AARCH64 if architecture == "aarch64" else arm.ARM)
    from cuddy.kernel import syscall_table_x86 as x86

    if architecture == "x86":
        return read(x86.X86)
    numbers = read(x86.X86_64)
    if architecture == "x32":
        for name in x86.X32_ABSENT.split():
            del numbers[name]
        numbers.update(read(x86.X32))
    return numbers


def multiplexers(architecture: str) -> list[Multiplexer]:
    """x86 alone has any: older programs open sockets and queues through them."""
    if architecture != "x86":
        return []
    from cuddy.kernel import syscall_table_x86 as x86

    return [Multiplexer(102, read(x86.SOCKETCALL)), Multiplexer(117, read(x86.IPC))]


def read(table: str) -> dict[str, int]:
    """Names to numbers of a table: each line is a number and the names from there on."""
    numbers: dict[str, int] = {}
    for line in table.strip().splitlines():
        first, *names = line.split()
        numbers.update(zip(names, range(int(first), int(first) + len(names))))
    return numbers
