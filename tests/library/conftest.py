"""An engine in the session's Home, and programs that use the library."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

import pytest

import cuddy as package
from console import Cuddy

SOURCE = Path(package.__file__).parent.parent
Program = Callable[[str], subprocess.Popen[str]]


@pytest.fixture(scope="session")
def library(home: Cuddy) -> Iterator[package.Engine]:
    """One that has been used already, so that its process is none of a test's."""
    with package.Engine(root=home.root, run_root=home.run_root) as engine:
        assert engine.run("alpine", "true", network="none").exit_code == 0
        yield engine


@pytest.fixture
def engine(library: package.Engine, cuddy: Cuddy) -> package.Engine:
    """The same; what a test makes is removed after it."""
    return library


class Running(subprocess.Popen[str]):
    """A program that a failure in its `with` block ends: it would be waited for."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error:
            self.kill()
        super().__exit__(kind, error, trace)


@pytest.fixture
def program(cuddy: Cuddy) -> Program:
    """Starts a program of these lines, in the session's Home."""

    def start(text: str) -> subprocess.Popen[str]:
        lines = f"import sys; sys.path.insert(0, {str(SOURCE)!r})\nimport cuddy, os, time\n{text}"
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        return Running([sys.executable, "-c", lines], env=cuddy.environment, text=True, **pipes)

    return start
