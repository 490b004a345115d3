"""Why a program could not be executed: from what is there in the container to what to do. Pure.

The kernel says "no such file or directory" of a script that is there, and "exec format error" of a
program for another machine. What it looked at is a chain: the program, the interpreter that its
first line or its ELF header names, that one's interpreter, and so on. The first link that is broken
is the reason. `program_facts` gathers the links.

References: execve(2), elf(5), fs/binfmt_script.c.
"""

from __future__ import annotations

import struct

from cuddy.shapes import NamedTuple

HEAD_BYTES = 4096
LINE_BYTES = 256  # of a first line the kernel reads no more: BINPRM_BUF_SIZE
SHOWN_CHARACTERS = 200
PT_INTERP = 3
MACHINES = {
    3: "386 (32-bit x86)", 8: "mips", 20: "ppc", 21: "ppc64", 22: "s390x", 40: "arm (32-bit)",
    62: "amd64 (x86-64)", 183: "arm64 (aarch64)", 243: "riscv64", 258: "loong64",
}  # fmt: skip
OWN_MACHINE = {"x86_64": 62, "aarch64": 183}
OTHER_SYSTEMS = {
    b"MZ": "Windows", b"\xcf\xfa\xed\xfe": "macOS", b"\xca\xfe\xba\xbe": "macOS",
}  # fmt: skip
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class File(NamedTuple):
    """One link of the chain, as it is in the container."""

    path: str
    kind: str = "file"  # missing, file, directory, other
    link: str = ""  # of a missing one: where a symbolic link of that name leads
    mode: int = 0o755
    executable: bool = True  # by its mode, for the user in question
    blocked: str = ""  # a directory above it that this user may not enter
    noexec: bool = False
    size: int = 0
    head: bytes = b""


class Facts(NamedTuple):
    """What there is to know of an execution that failed."""

    name: str  # as the user wrote it
    searched: tuple[str, ...]  # the directories of PATH, for a name without a slash
    user: int
    chain: tuple[File, ...]  # the program and its interpreters; nothing if PATH has no such file
    machine: str = "x86_64"  # as uname(2) says


class Elf(NamedTuple):
    """What an ELF file says of itself, and where it names its interpreter."""

    machine: int
    interpreter_offset: int = 0
    interpreter_bytes: int = 0


def hint(facts: Facts, *, format_error: bool = False) -> str:
    """What is wrong and what to do about it; "" if everything seems right.

    `format_error`: the kernel did not know the program's format.
    """
    if not facts.chain:
        return missing_in_path(facts)
    before: File | None = None
    for file in facts.chain:
        fault = fault_of_place(file, before, facts.user)
        if not fault and format_error and (file is facts.chain[-1] or is_foreign(file, facts)):
            fault = fault_of_content(file, facts.machine)
        if fault:
            return fault
        before = file
    return ""


def is_foreign(file: File, facts: Facts) -> bool:
    """Whether it is built for another machine: the kernel looks at that before the loader."""
    elf = parse_elf(file.head) if file.head.startswith(b"\x7fELF") else None
    return elf is not None and elf.machine != OWN_MACHINE.get(facts.machine)


def missing_in_path(facts: Facts) -> str:
    """No directory of PATH has it."""
    if not facts.searched:
        return f"PATH is empty in this container, so {shown(facts.name)} must be named by its path"
    return f"none of the directories in PATH has it: {shown(' '.join(facts.searched))}"


def fault_of_place(file: File, before: File | None, user: int) -> str:
    """What keeps a file from being executed, whatever is in it. `before`: what asks for it."""
    if file.kind == "missing":
        return missing(file, before)
    name = shown(file.path)
    if file.kind != "file":
        return f"{name} is {'a directory' if file.kind == 'directory' else 'not a regular file'}"
    if file.blocked:
        return f"user {user} may not enter the directory {shown(file.blocked)}"
    if not file.executable:
        return (
            f"{name} is not executable for user {user}: its mode is {file.mode & 0o7777:04o}, "
            "'chmod +x' makes it so"
        )
    if file.noexec:
        return f"{name} is on a file system that is mounted noexec"
    return ""


def missing(file: File, before: File | None) -> str:
    """There is no such file: what that means depends on who asked for it."""
    name = shown(file.path)
    if before is None:
        if file.link:
            return f"{name} is a link to {shown(file.link)}, which is not in the container"
        return f"there is no {name} in the container"
    asking = shown(before.path)
    if before.head.startswith(b"#!"):
        if file.path.endswith("\r"):
            return (
                f"the lines of {asking} end as Windows has them, with CR LF, so its interpreter "
                f"reads {shown(file.path[:-1])}^M; dos2unix mends that"
            )
        return f"the first line of {asking} asks for {name}, which is not in the container"
    return (
        f"{asking} needs the dynamic loader {name}, which is not in the container{libc(file.path)}"
    )


def libc(loader: str) -> str:
    """Which C library a loader belongs to, as advice."""
    name = loader.rpartition("/")[2]
    if name.startswith("ld-musl"):
        return ": it is built for musl (Alpine), this image has another C library"
    if name.startswith(("ld-linux", "ld64", "ld.so")):
        return ": it is built for glibc (Debian, Fedora), this image has another C library or none"
    return ""


def fault_of_content(file: File, machine: str) -> str:
    """Why the kernel does not take a file for a program."""
    name, head = shown(file.path), file.head
    if not file.size:
        return f"{name} is empty"
    if head.startswith(b"\x7fELF"):
        elf = parse_elf(head)
        if elf is None:
            return f"{name} is a damaged ELF file"
        if elf.machine != OWN_MACHINE.get(machine):
            built = MACHINES.get(elf.machine, f"machine {elf.machine}")
            own = MACHINES.get(OWN_MACHINE.get(machine, 0), machine)
            return f"{name} is built for {built}, this machine is {own}"
        return f"{name} is an ELF file that this kernel does not take: damaged, or no program"
    for magic, system in OTHER_SYSTEMS.items():
        if head.startswith(magic):
            return f"{name} is a program for {system}"
    if head.startswith(BYTE_ORDER_MARK):
        return f"{name} begins with a byte order mark: save it as UTF-8 without one"
    if head.startswith(b"#!"):
        return f"the first line of {name} names no interpreter, or is too long"
    return f"{name} has no '#!' line: begin it with #!/bin/sh, or run 'sh {name}'"


def interpreter_line(head: bytes) -> str:
    """The interpreter that a script's first line names; "" if it is no script or names none."""
    if not head.startswith(b"#!"):
        return ""
    line, newline, _ = head[2:LINE_BYTES].partition(b"\n")
    words = line.replace(b"\t", b" ").strip(b" ").split(b" ")
    if not newline and len(words) < 2 and len(head) >= LINE_BYTES:
        return ""  # cut off: the kernel does not guess
    return words[0].partition(b"\0")[0].decode("utf-8", "surrogateescape")


def parse_elf(head: bytes) -> Elf | None:
    """The machine of an ELF file and its PT_INTERP segment; None if it makes no sense."""
    try:
        wide, order = head[4] == 2, "<" if head[5] == 1 else ">"
        machine = struct.unpack_from(f"{order}H", head, 18)[0]
        offset = struct.unpack_from(f"{order}{'Q' if wide else 'I'}", head, 32 if wide else 28)[0]
        size, count = struct.unpack_from(f"{order}HH", head, 54 if wide else 42)
    except (struct.error, IndexError):
        return None
    for number in range(min(count, 64)):
        try:
            found = segment(head, offset + number * size, order, wide=wide)
        except struct.error:
            break
        if found[0] == PT_INTERP:
            return Elf(machine, found[1], found[2])
    return Elf(machine)


def segment(head: bytes, at: int, order: str, *, wide: bool) -> tuple[int, int, int]:
    """Type, offset and size in the file of a program header. Raises struct.error."""
    if at > len(head):
        raise struct.error
    if wide:
        kind, _, offset, _, _, size = struct.unpack_from(f"{order}IIQQQQ", head, at)
    else:
        kind, offset, _, _, size = struct.unpack_from(f"{order}IIIII", head, at)
    return kind, offset, size


def shown(path: str) -> str:
    """A path from an image, of a length for messages."""
    return path if len(path) <= SHOWN_CHARACTERS else f"{path[:SHOWN_CHARACTERS]}…"
