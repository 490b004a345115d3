"""`compiled`: what is compiled is believed on Python's own terms, and only for cuddy's modules."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src/cuddy"
TELL = """
import sys
sys.path.append(sys.argv[1])
from cuddy import compiled
compiled.install()
import cuddy.files, cuddy.image.digest, cuddy.kernel as kernel
for module in (cuddy.files, cuddy.image.digest, kernel):
    print(type(module.__loader__).__module__, module.__file__, module.__cached__)
print(getattr(cuddy.files, "said", None))
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A tree of cuddy's sources in which nothing is compiled."""
    shutil.copytree(SOURCE, tmp_path / "cuddy", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def run(copy: Path, *flags: str) -> list[list[str]]:
    command = [sys.executable, "-I", "-S", *flags, "-c", TELL, str(copy)]
    lines = subprocess.check_output(command, text=True).splitlines()
    return [line.split() for line in lines]


OURS, PYTHONS = "cuddy.compiled", "_frozen_importlib_external"


def test_modules_are_what_python_would_have_made_of_them(copy: Path) -> None:
    first, second = run(copy), run(copy)
    assert [line[0] for line in first[:3]] == [PYTHONS] * 3  # which also compiles them
    assert [line[0] for line in second[:3]] == [OURS, OURS, PYTHONS]  # a package is Python's
    assert [line[1:] for line in first] == [line[1:] for line in second]
    assert Path(second[0][1]) == copy / "cuddy/files.py"


def test_a_source_that_has_changed_is_compiled_again(copy: Path) -> None:
    run(copy)
    with open(copy / "cuddy/files.py", "a") as file:
        file.write("\nsaid = 'changed'\n")
    assert run(copy)[3] == ["changed"]
    assert run(copy)[0][0] == OURS


def test_a_source_of_another_time_is_compiled_again(copy: Path) -> None:
    run(copy)
    os.utime(copy / "cuddy/files.py", (1, 1))
    assert run(copy)[0][0] == PYTHONS


@pytest.mark.parametrize("content", [b"", b"\0" * 15, b"of another Python" * 10])
def test_what_is_no_compiled_module_is_left_to_python(copy: Path, content: bytes) -> None:
    run(copy)
    (found,) = (copy / "cuddy/__pycache__").glob("files.*.pyc")
    found.write_bytes(content)
    assert run(copy)[0][0] == PYTHONS
    assert run(copy)[0][0] == OURS


def test_another_level_of_optimization_is_left_to_python(copy: Path) -> None:
    run(copy, "-O")
    assert run(copy, "-O")[0][0] == PYTHONS
