"""Writes the second half of each page here from the flags that the command declares.

    python docs/commands/generate.py

A page begins with prose, which is written by hand; from the line `## Reference` on it is generated.
A new command gets a page with an empty first half. All verbs of `cuddy-runtime` are on one page.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent / "src"))

from cuddy.cli import flags, verbs  # noqa: E402 - found by the line above
from cuddy.cli.flags import BOOL, Flag  # noqa: E402
from cuddy.cli.runtime import main as runtime  # noqa: E402

MARK = "## Reference\n"
RUNTIME = HERE.parent / "cuddy-runtime.md"
DOCKER_DOCS = ("https://docs.docker.com/go/formatting/", "docker's page on formatting")


def modules() -> dict[str, list[str]]:
    """Page -> the modules of the commands it is about."""
    found: dict[str, list[str]] = {}
    for table in (verbs.VERBS, *verbs.GROUPS.values()):
        for module in table.values():
            page = found.setdefault(module.rpartition(".")[2].rstrip("_"), [])
            if module not in page:
                page.append(module)
    return found


def reference(module: str) -> str:
    """Usage, other names and flags of one command."""
    command = verbs.load(module)
    first, *others = sorted(verbs.names_of(module), key=lambda name: name.count(" "))
    parts = [f"    {flags.usage(command, first)}", f"{command.summary}."]
    if others:
        parts.append("Also: " + ", ".join(f"`{name}`" for name in others) + ".")
    if table := flag_table(command.flags):
        parts.append(table)
    return "\n\n".join(parts) + "\n"


def runtime_page() -> str:
    """The page of `cuddy-runtime`: its prose, the global flags, and a section for each verb."""
    parts = ["### Before the verb", flag_table(runtime.GLOBAL_FLAGS)]
    for name in runtime.SUMMARIES:
        verb = runtime.load(name)
        options = "[command options] " * bool(verb.flags)
        usage = f"    cuddy-runtime {name} {options}{verb.arguments}".rstrip()
        parts += [f"### {name}", usage, f"{verb.summary}."]
        parts += [table] if (table := flag_table(verb.flags)) else []
    return RUNTIME.read_text().partition(MARK)[0] + MARK + "\n" + "\n\n".join(parts) + "\n"


def flag_table(table: tuple[Flag, ...]) -> str:
    """The flags as a table of Markdown."""
    shown = [flag for flag in table if not flag.hidden]
    if not shown:
        return ""
    rows = ["| flag | value | meaning |", "|---|---|---|"]
    rows += [flag_row(flag) for flag in sorted(shown, key=lambda flag: flag.name)]
    return "\n".join(rows)


def flag_row(flag: Flag) -> str:
    """One flag."""
    names = ", ".join(
        f"`{name}`" for name in (f"-{flag.short}" * bool(flag.short), f"--{flag.name}") if name
    )
    meaning = flag.help.partition("\n")[0].rstrip(":").replace("|", "\\|")
    if "\n" in flag.help:
        meaning += " ([{1}]({0}))".format(*DOCKER_DOCS)
    if flag.default not in (None, flag.kind.zero):
        default = "true" if flag.kind is BOOL else flag.default
        if flag.kind.name == "duration":
            default = f"{default / 1e9:g}s"
        meaning += f" (default `{default}`)"
    if flag.kind.many:
        meaning += "; may be repeated"
    return f"| {names} | {flag.kind.name} | {meaning} |"


def page(name: str, of: list[str]) -> str:
    """The whole page: its prose as it stands, its reference made anew."""
    path = HERE / f"{name}.md"
    prose = path.read_text().partition(MARK)[0] if path.exists() else f"# cuddy {name}\n\n"
    return prose + MARK + "\n" + "\n".join(reference(module) for module in of)


if __name__ == "__main__":
    for stem, names in modules().items():
        (HERE / f"{stem}.md").write_text(page(stem, names))
    RUNTIME.write_text(runtime_page())
