"""Asks docker's client which commands and flags it has: `make recordings`.

Kept in tests/golden/docker/flags.json, by command: its names, and each flag's short form and the
word for its value. What the help does not show is found by asking for it. No daemon is needed.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "golden/docker/flags.json"
GROUPS = ("builder", "container", "image", "network", "system", "volume")
ALONE = ("inspect", "login", "logout", "search", "version")
"""Commands of the first level that are about these three but in none of the groups."""
UNSHOWN = ("dns-opt", "kernel-memory", "net", "net-alias", "time")
"""Flags that docker's sources mark as hidden or deprecated."""
FLAG = re.compile(r" {2,6}(?:-(\w), )?--([a-z0-9-]+)(?: (\S+))?(?:  |$)")
NOBODY = {"DOCKER_HOST": "unix:///nonexistent", "PATH": "/usr/local/bin:/usr/bin:/bin"}


def ask(*words: str) -> str:
    """What docker's client prints."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, env=NOBODY)
    return done.stdout + done.stderr


def section(text: str, title: str) -> list[str]:
    """The lines below a title of a help text."""
    return text.partition(f"\n{title}:\n")[2].split("\n\n")[0].splitlines()


def commands() -> list[str]:
    found = []
    for group in GROUPS:
        verbs = [line.split()[0] for line in section(ask(group, "--help"), "Commands")]
        found += [f"{group} {verb}" for verb in verbs]
    return [*found, *ALONE]


def describe(command: str) -> dict[str, Any]:
    words = command.split()
    text = ask(*words, "--help")
    aliases = " ".join(section(text, "Aliases")) or f"docker {command}"
    flags = [FLAG.match(line) for line in section(text, "Options")]
    shown = {found[2]: [found[1] or "", found[3] or ""] for found in flags if found}
    unshown = [
        flag
        for flag in UNSHOWN
        if flag not in shown and "unknown flag" not in ask(*words, f"--{flag}=1", "x")
    ]
    names = [name.strip().removeprefix("docker ") for name in aliases.split(",")]
    return {"names": names, "flags": shown, "hidden": unshown}


def record() -> None:
    version = ask("--version").split()[2].rstrip(",")
    found = {"docker": version, "commands": {each: describe(each) for each in commands()}}
    FILE.parent.mkdir(exist_ok=True)
    text = json.dumps(found, indent=1)
    short = re.sub(r"\[\s+([^\[\]]*?)\s+\]", lambda m: f"[{' '.join(m[1].split())}]", text)
    FILE.write_text(short + "\n")


if __name__ == "__main__":
    record()
