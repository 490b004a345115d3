"""What a user reads when a program cannot be executed: in `run` and in `exec` the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import elf
from console import Cuddy

BUILT = f"built for {elf.NAMES[elf.OTHER]}"
CASES: dict[str, tuple[bytes, int, tuple[str, ...]]] = {
    "bash": (b"#!/no/bash\necho\n", 127, ("no such file or directory", "asks for /no/bash")),
    "windows": (b"#!/bin/sh\r\necho\r\n", 127, ("no such file or directory", "CR LF")),
    "foreign": (elf.elf(elf.OTHER), 126, ("exec format error", BUILT)),
    "glibc": (elf.elf(interpreter=f"{elf.GLIBC}x"), 127, ("dynamic loader", "glibc")),
    "empty": (b"", 126, ("exec format error", "is empty")),
    "plain": (b"echo hi\n", 126, ("exec format error", "has no '#!' line", "sh /p/plain")),
    "wrapped": (b"#!/p/foreign\n", 126, ("exec format error", "/p/foreign is built for")),
}  # fmt: skip


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("programs")
    directory.chmod(0o755)
    for name, (content, _, _) in CASES.items():
        (directory / name).write_bytes(content)
        (directory / name).chmod(0o755)
    (directory / "text").write_text("#!/bin/sh\n")
    (directory / "closed").mkdir(mode=0o700)
    (directory / "closed/sh").write_text("#!/bin/sh\n")
    (directory / "closed/sh").chmod(0o755)
    (directory / "dangling").symlink_to("/no/where")
    return directory


@pytest.fixture
def box(cuddy: Cuddy, programs: Path) -> Iterator[Cuddy]:
    cuddy.ok("run", "-d", "--name", "box", "-v", f"{programs}:/p", "alpine", "sleep", "1000")
    yield cuddy


def ways(box: Cuddy, programs: Path, *words: str) -> list[list[object]]:
    """`exec`, and `run` without and with an init: three different processes execute it."""
    *flags, program = words
    new = ["--rm", "--network", "none", "-v", f"{programs}:/p", *flags, "alpine", program]
    return [["exec", *flags, "box", program], ["run", *new], ["run", "--init", *new]]


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_program_is_diagnosed(box: Cuddy, programs: Path, name: str) -> None:
    _, code, words = CASES[name]
    for way in ways(box, programs, f"/p/{name}"):
        result = box(*way)
        assert result.code == code, way
        for word in words:
            assert word in result.complaint


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["/p/text"], 126, ("permission denied", "its mode is 0644")),
        (["/p"], 126, ("permission denied", "is a directory")),
        (["/p/dangling"], 127, ("no such file", "is a link to /no/where")),
        (["no-such"], 127, ("executable file not found in $PATH", "/usr/bin")),
        (["/no/such"], 127, ("stat /no/such: no such file or directory", "there is no")),
        (["-u", "1000", "/p/closed/sh"], 126, ("permission denied", "may not enter", "/p/closed")),
    ],
)  # fmt: skip
def test_where_it_is_is_diagnosed(
    box: Cuddy, programs: Path, words: list[str], code: int, expected: tuple[str, ...]
) -> None:
    for way in ways(box, programs, *words)[:2]:
        result = box(*way)
        assert result.code == code, result
        for word in expected:
            assert word in result.complaint


def test_a_file_system_mounted_noexec_is_diagnosed(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--name", "box", "--tmpfs", "/t:noexec", "alpine", "sleep", "1000")
    cuddy.ok("exec", "box", "sh", "-c", "printf '#!/bin/sh\\n' >/t/it; chmod +x /t/it")
    result = cuddy("exec", "box", "/t/it")
    assert result.code == 126
    assert "mounted noexec" in result.complaint


def test_a_stopped_container_keeps_the_reason(cuddy: Cuddy, programs: Path) -> None:
    cuddy("run", "--name", "failed", "-v", f"{programs}:/p", "alpine", "/p/bash")
    assert cuddy.field("failed", "{{.State.ExitCode}} {{.State.Error}}").startswith(
        "127 exec /p/bash"
    )


def test_a_fifo_or_device_in_the_programs_place_holds_nobody_up(box: Cuddy) -> None:
    box.ok("exec", "box", "sh", "-c", "mkfifo /fifo; printf '#!/fifo\\n' >/it; chmod +x /it /fifo")
    for program in ("/fifo", "/it"):
        result = box("exec", "box", program, timeout=30)
        assert result.code == 126
        assert "not a regular file" in result.complaint
