"""What docker's classic builder made of Dockerfiles that only change a config, recorded from it.

The stage is walked here as simply as can be: what is judged is the language and the changes.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

import golden
from cuddy.builder import dockerfile
from cuddy.builder.instructions import Arg, Change, Workdir
from cuddy.errors import InvalidArgument
from cuddy.image import changes, words
from cuddy.image.forms import Form
from cuddy.image.spec import RunConfig

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
RECORDED: dict[str, Any] = json.loads((golden.GOLDEN / "docker/dockerfiles.json").read_text())


def built(case: str) -> dict[str, Any]:
    """The config of a stage from scratch, and its author."""
    read = dockerfile.parse(f"FROM scratch\n{case}\n".encode())
    config: RunConfig = {"Env": [PATH]}
    arguments: dict[str, str] = {}
    author, has_command = "", False
    for instruction in read.instructions[1:]:
        values = arguments | words.variables(config.get("Env") or ())
        if isinstance(instruction, Arg):
            for name, value in instruction.pairs:
                if value is not None:
                    arguments[name] = words.expand(value, values, read.escape)
            continue
        if isinstance(instruction, Workdir):
            form = Form("WORKDIR", instruction.path, (), read.escape)
        else:
            assert isinstance(instruction, Change)
            form = Form(instruction.name, instruction.rest, instruction.flags, read.escape)
        if form.name == "MAINTAINER":
            author = form.rest
            continue
        config = changes.change(config, form, values, keeps_command=has_command)
        has_command = has_command or form.name == "CMD"
    found: dict[str, Any] = {name: value for name, value in config.items() if value}
    return found | ({"author": author} if author else {})


@pytest.mark.parametrize("case", RECORDED)
def test_the_config_is_the_one_docker_makes(case: str) -> None:
    if RECORDED[case] is None:
        with pytest.raises(InvalidArgument):
            built(case)
    else:
        assert built(case) == RECORDED[case]
