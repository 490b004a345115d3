"""bin/cuddy finds its interpreter and its packages wherever an installer put it.

Each test lays files out as an installer does. What is started says how it was started.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
REPORT = """
import json, sys
print(json.dumps({
    "file": __file__, "words": sys.argv[1:], "lean": sys.flags.isolated and sys.flags.no_site,
    "packages": sys._xoptions.get("packages"), "executable": sys.executable,
    "program": sys._xoptions.get("program"),
}))
"""


def install(
    prefix: Path, packages: str = f"lib/{VERSION}/site-packages", python: str = sys.executable
) -> Path:
    """The scripts and a package that reports, below a prefix; returns the launcher."""
    bin_ = prefix / "bin"
    bin_.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "bin/cuddy", bin_)
    shutil.copy(ROOT / "bin/cuddy-runtime", bin_)
    script = (ROOT / "bin/cuddy-python").read_text()
    (bin_ / "cuddy-python").write_text(script.replace("#!python", f"#!{python}", 1))
    record(prefix / packages)
    (prefix / packages / "cuddy").mkdir(parents=True)
    (prefix / packages / "cuddy/__main__.py").write_text(REPORT)
    return bin_ / "cuddy"


def record(packages: Path, age_s: int = 0) -> None:
    path = packages / "cuddy-0.1.0.dist-info/RECORD"
    path.parent.mkdir(parents=True)
    path.touch()
    os.utime(path, (path.stat().st_mtime - age_s,) * 2)


def start(launcher: Path | str, *words: str, **options: Any) -> dict[str, Any]:
    done = subprocess.run([launcher, *words], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_in_a_virtual_environment(tmp_path: Path) -> None:
    found = start(install(tmp_path), "run", "a b", "", "*")
    assert found["words"] == ["run", "a b", "", "*"]
    assert found["lean"]
    assert Path(found["file"]).samefile(tmp_path / f"lib/{VERSION}/site-packages/cuddy/__main__.py")
    assert Path(found["packages"]).samefile(tmp_path / f"lib/{VERSION}/site-packages")
    assert found["executable"] == sys.executable


def test_the_runtime_starts_as_lean_and_keeps_its_callers_descriptors(tmp_path: Path) -> None:
    launcher = install(tmp_path / "a place").with_name("cuddy-runtime")
    (tmp_path / "oci").symlink_to(launcher)
    for path in (launcher, tmp_path / "oci"):
        found = start(path, "--root", "x y")
        assert found["lean"]
        assert found["program"] == "runtime"
        assert found["words"] == ["--root", "x y"]
    words = "import os; print(os.readlink('/proc/self/fd/9'))"
    main = tmp_path / f"a place/lib/{VERSION}/site-packages/cuddy/__main__.py"
    main.write_text(words)
    script = f"'{launcher}' 9</dev/zero"
    assert subprocess.check_output(["sh", "-c", script], text=True) == "/dev/zero\n"


def test_the_interpreter_itself_can_be_had(tmp_path: Path) -> None:
    python = install(tmp_path).with_name("cuddy-python")
    python.chmod(0o755)
    code = "import sys; print(sys.executable, *sys.argv[1:])"
    found = subprocess.check_output([python, "-c", code, "a"], text=True)
    assert found == f"{sys.executable} a\n"


def test_in_a_place_with_blanks(tmp_path: Path) -> None:
    assert start(install(tmp_path / "a place"))["lean"]


def test_through_links(tmp_path: Path) -> None:
    launcher = install(tmp_path / "venv")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/cuddy").symlink_to(launcher)
    (tmp_path / "bin/engine").symlink_to("cuddy")
    for name in ("cuddy", "engine"):
        assert start(tmp_path / "bin" / name)["lean"]


def test_found_on_the_path_and_named_from_here(tmp_path: Path) -> None:
    install(tmp_path)
    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    assert start("cuddy", env=os.environ | {"PATH": path})["lean"]
    assert start("bin/cuddy", cwd=tmp_path)["lean"]


def test_in_debians_directories(tmp_path: Path) -> None:
    assert start(install(tmp_path, "lib/python3/dist-packages"))["lean"]


def test_with_pip_target(tmp_path: Path) -> None:
    assert start(install(tmp_path, "."))["lean"]


def test_the_latest_of_several_pythons_is_the_one_it_belongs_to(tmp_path: Path) -> None:
    launcher = install(tmp_path)
    older = tmp_path / "lib/python3.99/site-packages"
    record(older, age_s=100)
    (older / "cuddy").mkdir()
    (older / "cuddy/__main__.py").write_text("raise SystemExit('the old one')")
    assert VERSION in start(launcher)["file"]


@pytest.mark.parametrize("name", ["_cuddy.pth", "_editable_impl_cuddy.pth"])
@pytest.mark.parametrize("end", ["\n", ""])
def test_an_editable_installation_leads_to_the_sources(tmp_path: Path, name: str, end: str) -> None:
    launcher = install(tmp_path / "venv")
    packages = tmp_path / f"venv/lib/{VERSION}/site-packages"
    (packages / "cuddy").rename(tmp_path / "cuddy")
    (packages / name).write_text(f"{tmp_path}{end}")
    found = start(launcher)
    assert found["file"] == f"{tmp_path}/cuddy/__main__.py"
    assert Path(found["packages"]).samefile(packages)


def test_in_the_sources_themselves() -> None:
    done = subprocess.run([ROOT / "bin/cuddy", "--version"], capture_output=True, text=True)
    assert done.stdout.startswith("cuddy version ")


@pytest.mark.parametrize("redirection", ["", "2>&1", "2>/dev/null", "2>&-"])
def test_errors_reach_standard_error(tmp_path: Path, redirection: str) -> None:
    """The launcher keeps it elsewhere while the interpreter starts."""
    launcher = install(tmp_path)
    packages = tmp_path / f"lib/{VERSION}/site-packages"
    shutil.rmtree(packages / "cuddy")
    (packages / "cuddy").symlink_to(ROOT / "src/cuddy")
    script = f"{launcher} foo {redirection}"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True)
    line = "cuddy: unknown command: cuddy foo (see 'cuddy --help')\n"
    heard = {"": ("", line), "2>&1": (line, "")}.get(redirection, ("", ""))
    assert (done.stdout, done.stderr, done.returncode) == (*heard, 1)


@pytest.mark.parametrize("line", ["python", "/bin/sh"])
def test_an_installer_that_named_no_interpreter(tmp_path: Path, line: str) -> None:
    (tmp_path / "path").mkdir()
    (tmp_path / "path/python3").symlink_to(sys.executable)
    environment = os.environ | {"PATH": f"{tmp_path}/path:{os.environ['PATH']}"}
    assert start(install(tmp_path / "venv", python=line), env=environment)["lean"]


def test_the_environment_does_not_reach_it(tmp_path: Path) -> None:
    launcher = install(tmp_path / "venv")
    (tmp_path / "json.py").write_text("raise SystemExit('not this one')")
    assert start(launcher, env=os.environ | {"PYTHONPATH": str(tmp_path)}, cwd=tmp_path)["lean"]


def test_libraries_that_only_site_knows_are_found_when_they_are_missed(tmp_path: Path) -> None:
    """A virtual environment whose .pth file leads elsewhere."""
    import venv

    venv.create(tmp_path / "venv", with_pip=False)
    packages = tmp_path / f"venv/lib/{VERSION}/site-packages"
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/far_away.py").write_text("VALUE = 42")
    (packages / "elsewhere.pth").write_text(f"{tmp_path}/elsewhere\n")
    code = (
        f"import runpy; runpy.run_path({str(ROOT / 'src/cuddy/__main__.py')!r})['furnish']()\n"
        "import sys; before = list(sys.path)\n"
        "import cuddy; assert sys.path == before\n"
        "import far_away; print(far_away.VALUE)\n"
        "try: import nowhere_at_all\n"
        "except ModuleNotFoundError: print('and not')"
    )
    python = tmp_path / "venv/bin/python"
    done = subprocess.run([python, "-I", "-S", "-c", code], capture_output=True, text=True)
    assert done.stdout == "42\nand not\n", done.stderr
