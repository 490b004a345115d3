"""spec: a config.json to begin with."""

from __future__ import annotations

import os

from cuddy import files
from cuddy.cli import document
from cuddy.cli.flags import BOOL, STRING, Flag
from cuddy.cli.runtime.verb import Call, Verb
from cuddy.errors import Conflict

FLAGS = (
    Flag("bundle", "b", STRING, "The bundle's directory", "."),
    Flag("rootless", "", BOOL, "One that an ordinary user can run"),
)


def write(call: Call) -> int:
    from cuddy.runtime import starting_config

    path = os.path.join(call.args.bundle, "config.json")
    if os.path.exists(path):
        raise Conflict(f"File {path} exists. Remove it first")
    version_2 = os.path.exists("/sys/fs/cgroup/cgroup.controllers")
    config = starting_config.make(cgroup_namespace=version_2)
    if call.args.rootless:
        config = starting_config.for_user(config, os.geteuid(), os.getegid())
    text = document.indented(config, by="\t")
    files.write(path, text.encode() + b"\n", mode=0o666, durable=False)
    return 0


VERB = Verb("Write a config.json to begin with", write, "", FLAGS, 0, 0)
