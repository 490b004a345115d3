"""The documentation tells the truth: what it names exists, and what exists is in it.

commands     every `cuddy ...` line in a code block parses; every command has its page
sources      every `file.py` and `file.py: function` exists
links        every relative link leads somewhere
make         every `make target` is in the Makefile
options      compatibility.md has every flag of docker's, and says yes only to ours
runtime      cuddy-runtime.md has the verbs and flags that the program has
"""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cuddy.cli import flags, help, main, overview, verbs

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src/cuddy"
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
COMMANDS = sorted({*verbs.VERBS} | {f"{g} {v}" for g, own in verbs.GROUPS.items() for v in own})

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
every_command = pytest.mark.parametrize("command", COMMANDS)


def code_lines(text: str) -> Iterator[str]:
    """Lines of fenced and of indented code blocks, comments and prompts taken off."""
    fenced = False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield re.sub(r"\s+(#|→) .*", "", line).strip().removeprefix("$ ").removeprefix("# ")


@every_page
def test_every_command_line_in_the_docs_is_one_cuddy_takes(page: Path) -> None:
    for line in code_lines(page.read_text()):
        line = line.removeprefix("sudo ")
        if not line.startswith("cuddy "):
            continue
        words = shlex.split(line.partition(" | ")[0].partition(" > ")[0])[1:]
        if words == ["--help"] or "[OPTIONS]" in words or "COMMAND" in words:
            continue
        asked = flags.parse(main.GLOBAL_FLAGS, words, "cuddy", interspersed=False)
        module, name, rest = verbs.find_command(asked.names)
        flags.parse_command(verbs.load(module), rest, name)


@every_page
def test_every_make_target_in_the_docs_is_in_the_makefile(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = page.read_text()
    named = {line.split()[1] for line in code_lines(text) if re.match(r"make [a-z]", line)}
    named |= set(re.findall(r"`make ([a-z-]+)", text))
    assert named <= targets


def is_in(path: Path, name: str) -> bool:
    """Whether a source file defines a function, class or constant, as `name` or `Class.name`."""
    node: ast.AST = ast.parse(path.read_text())
    for part in name.split("."):
        found = [child for child in getattr(node, "body", []) if part in defined_by(child)]
        if not found:
            return False
        node = found[0]
    return True


def defined_by(node: ast.stmt) -> set[str]:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return {node.name}
    targets = getattr(node, "targets", [getattr(node, "target", None)])
    return {target.id for target in targets if isinstance(target, ast.Name)}


@every_page
def test_every_source_named_in_the_docs_exists(page: Path) -> None:
    for path, name in re.findall(r"`([\w/]+\.py)(?:: ([\w.]+))?", page.read_text()):
        file = next(
            (top / path for top in (SOURCE, ROOT, ROOT / "src") if (top / path).exists()), None
        )
        assert file, f"there is no {path}"
        assert not name or is_in(file, name), f"{path} has no {name}"


@every_page
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if not re.match(r"https?://|#", target):
            assert (page.parent / target.partition("#")[0]).exists(), f"no {target}"


@every_page
def test_pages_are_words_for_people(page: Path) -> None:
    assert "TODO" not in page.read_text()


@every_command
def test_every_command_has_help(command: str) -> None:
    module, name, _ = verbs.find_command(command.split())
    declared = verbs.load(module)
    assert declared.summary
    assert declared.summary[0].isupper()
    assert not declared.summary.endswith(".")
    for flag in declared.flags:
        assert flag.help, f"{name} --{flag.name} has no help"
        assert not flag.help.endswith("."), f"{name} --{flag.name}"
        assert re.fullmatch(r"[a-z][a-z0-9-]+", flag.name)


def page_of(module: str) -> str:
    """A page is called like its command, whose module is `import_` where Python has a keyword."""
    return module.rpartition(".")[2].rstrip("_")


@every_command
def test_every_command_has_a_page_with_its_help(command: str) -> None:
    module, _, _ = verbs.find_command(command.split())
    page = DOCS / f"commands/{page_of(module)}.md"
    assert page.exists(), f"docs/commands has no page for {command}"
    declared = verbs.load(module)
    text = page.read_text()
    for flag in declared.flags:
        if not flag.hidden:
            assert f"--{flag.name}" in text, f"{page.name} says nothing of --{flag.name}"


def test_every_page_of_a_command_has_its_command() -> None:
    modules = {page_of(verbs.find_command(command.split())[0]) for command in COMMANDS}
    pages = {page.stem for page in (DOCS / "commands").glob("*.md")} - {"index", "README"}
    assert pages <= modules


def writer(name: str) -> Any:
    """A module that writes pages."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"commands/{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def compatibility() -> Any:
    return writer("compatibility")


def test_the_page_of_the_runtime_has_its_verbs_and_flags() -> None:
    text = (DOCS / "cuddy-runtime.md").read_text()
    assert text == writer("generate").runtime_page(), "`make docs`?"


def test_every_flag_of_docker_is_answered(compatibility: Any) -> None:
    text = (DOCS / "compatibility.md").read_text()
    assert text == compatibility.page(), "`make docs`?"
    commands = compatibility.recorded()["commands"]
    assert {name for name in commands if f"\n### {name}" not in text} == set()
    answers = re.findall(r"^\| (.*?) \| (\w+) \| (.*) \|$", text, re.MULTILINE)
    assert len(answers) > 300
    for flag, answer, why in answers:
        assert answer in ("yes", "differs", "no", "later")
        assert bool(why) == (answer != "yes"), flag
        assert answer != "no" or re.search("Swarm|Windows|plugins", why), flag


def test_a_flag_of_docker_that_nobody_explains_is_noticed(compatibility: Any) -> None:
    for added in ({"brew-coffee": ["", ""]}, {"signal": ["x", "string"]}, {"timeout": ["t", ""]}):
        docker = {"names": ["container stop"], "flags": added, "hidden": []}
        with pytest.raises(compatibility.Unexplained):
            compatibility.section("container stop", docker)
    with pytest.raises(compatibility.Unexplained):
        compatibility.section("container brew", {"names": [], "flags": {}, "hidden": []})


def test_the_overview_names_every_verb() -> None:
    for verb in verbs.VERBS:
        assert re.search(rf"^  {verb} ", overview.overview(main.GLOBAL_FLAGS), re.MULTILINE)


def test_help_fits_a_terminal() -> None:
    for command in COMMANDS:
        module, name, _ = verbs.find_command(command.split())
        text = help.command_help(verbs.load(module), name, verbs.names_of(module), 80)
        assert max(map(len, text.splitlines())) <= 80 or "Aliases" in text


def test_the_programs_that_are_installed_exist() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    for source, name in build["targets"]["wheel"]["shared-scripts"].items():
        assert (ROOT / source).name == name
        assert (ROOT / source).stat().st_mode & 0o111


def test_every_attack_told_of_has_a_test() -> None:
    """That the tests exist is checked for every page, see above."""
    lines = (DOCS / "threat-model.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("| ") and not line.startswith("| attack")]
    assert len(rows) > 15
    assert [row for row in rows if "`tests/" not in row.rsplit(" | ", 1)[1]] == []
