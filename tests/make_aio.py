"""Makes `cuddy.library.aio` of the library: same names and words, with `async` and `await`.

A function becomes a coroutine if it talks (`talk.ask`, `talk.follow`, `link.close`) or calls one of
its own class that does. Run by `make aio`; a test sees that it was.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

LIBRARY = Path(__file__).parent.parent / "src/cuddy/library"
NAMES = (
    "engine", "containers", "container", "attached", "sandbox", "sandboxes", "images", "volumes",
    "networks",
)  # fmt: skip
BASES = {"sandbox": "container"}
"""Modules whose class is derived from one of another's."""
TALKS = re.compile(
    r"\btalk\.(ask|follow|hold)\(|\b_held\.(close|say|hear)\(|\battached\.attach\(|\b_link\.close\(|\busual\(\)\."
)
NOTE = "\n\nMade of `library/{}.py` by tests/make_aio.py.\n"


def coroutines(text: str, inherited: set[str]) -> set[tuple[int, str]]:
    """Line and name of every function that has to be one. `inherited`: those of the base."""
    tree = ast.parse(text)
    found: set[tuple[int, str]] = set()
    for scope in [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]:
        functions = [node for node in scope.body if isinstance(node, ast.FunctionDef)]
        while True:
            own = "|".join({*inherited, *(name for _, name in found)}) or "-"
            calls = re.compile(rf"\bself\.({own})\(")
            more = {
                (node.lineno, node.name)
                for node in functions
                if TALKS.search(source := ast.get_source_segment(text, node) or "")
                or calls.search(source)
                or (node.name in ("__enter__", "__exit__"))
            }
            if more <= found:
                break
            found |= more
    return found


def made(name: str) -> str:
    """The module of that name for event loops."""
    text = (LIBRARY / f"{name}.py").read_text()
    inherited: set[str] = set()
    if base := BASES.get(name):
        above = (LIBRARY / f"{base}.py").read_text()
        inherited = {each for _, each in coroutines(above, set())}
    found = coroutines(text, inherited)
    lines = text.split("\n")
    for number, _ in found:
        lines[number - 1] = re.sub(r"^( *)def ", r"\1async def ", lines[number - 1])
    names = inherited | {each for _, each in found}
    kept = set() if base else {"close"}
    own = "|".join(sorted(names - kept)) or "-"
    text = "\n".join(lines)
    text = re.sub(r"\bfor (\w+) in talk\.follow\(", r"async for \1 in talk.follow(", text)
    text = re.sub(
        rf"(talk\.(?:ask|hold)\(|self\._held\.(?:close|say|hear)\(|attached\.attach\(|self\.({own})\(|usual\(\)\.)",
        r"await \1",
        text,
    )
    text = text.replace("self._link.close()", "await asyncio.to_thread(self._link.close)")
    if "asyncio." in text:
        text = text.replace("annotations\n\n", "annotations\n\nimport asyncio\n", 1)
    text = text.replace("import Generator", "import AsyncGenerator")
    text = re.sub(r"\bGenerator\[(.+), None, None\]", r"AsyncGenerator[\1, None]", text)
    for enter in ("enter", "exit", "iter"):
        text = text.replace(f"def __{enter}__", f"def __a{enter}__")
    text = re.sub(rf"cuddy\.library\.({'|'.join(NAMES)})\b", r"cuddy.library.aio.\1", text)
    text = re.sub(r"^from cuddy\.library import (.*\btalk\b.*)$", _talking, text, flags=re.M)
    text = text.replace("from cuddy.undo import", "from cuddy.library.aio.closing import")
    text = text.replace("library.beginning", "library.aio.beginning")
    text = text.replace("`with`", "`async with`")
    end = text.index('"""', 3)
    text = text[:end].rstrip() + NOTE.format(name) + text[end:]
    return formatted(text)


def _talking(found: re.Match[str]) -> str:
    """Everything is the same but how it talks."""
    names = found[1].split(", ")
    own = [name for name in names if name in ("talk", "attached")]
    others = [name for name in names if name not in own]
    rest = f"\nfrom cuddy.library import {', '.join(others)}" if others else ""
    return f"from cuddy.library.aio import {', '.join(own)}{rest}"


def formatted(text: str) -> str:
    """As `make check` wants it."""
    ruff, name = Path(sys.executable).parent / "ruff", f"--stdin-filename={LIBRARY}/aio/made.py"
    for words in (["check", "--fix", "--select=I"], ["format"]):
        command = [ruff, *words, "--quiet", name, "-"]
        done = subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True, check=True)
        text = done.stdout
    return text


if __name__ == "__main__":
    for name in NAMES:
        (LIBRARY / f"aio/{name}.py").write_text(made(name))
