"""A path is the name of nothing: whatever is asked of it, nothing of the engine's goes."""

from __future__ import annotations

import os

import pytest

from console import ENGINE, Cuddy

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="it looks into cuddy's directories")
VERBS = (
    "rm -f {}", "rename box {}", "rename {} other", "commit {} made",
    "exec {} true", "start {}", "kill {}", "wait {}", "update -m 64m {}", "export {}", "diff {}",
    "create --name {} alpine", "create --volumes-from {} alpine", "create --link {}:near alpine",
    "create --network {} alpine", "create --network container:{} alpine",
    "create --pid container:{} alpine",
    "volume rm -f {}", "volume create {}", "volume inspect {}", "volume mv {} other",
    "volume mv kept {}", "volume snapshot {} other", "volume snapshot kept {}", "volume diff {}",
    "volume export {}",
    "network rm -f {}", "network create {}/x{}", "network connect {} box", "network inspect {}",
    "sandbox rm {}", "sandbox snapshot {}", "sandbox restore {}", "sandbox fork {}",
    "sandbox read {} /etc/hostname", "sandbox get {} /etc/hostname -", "sandbox diff {}",
    "sandbox create --name {} alpine",
    "try discard {}", "try apply {}", "try diff {}", "try commit {} made", "try --name {} -- true",
    "builder history rm {}", "builder history inspect {}", "builder history logs {}",
    "rmi -f {}", "image inspect {}",
)  # fmt: skip


def tree(top: str) -> set[str]:
    """All that is there and has a name that stays."""
    found = set()
    for where, directories, names in os.walk(top):
        directories[:] = [each for each in directories if each not in ("tmp", "work", "networks")]
        found |= {os.path.join(where, each) for each in (*directories, *names)}
    return found


def test_a_path_is_the_name_of_nothing(cuddy: Cuddy) -> None:
    box = cuddy.ok("create", "--name", "box", "--network", "none", "alpine", "true")
    cuddy.ok("volume", "create", "kept")
    for verb in VERBS:
        for path in (f"../containers/{box}", "../volumes/kept", "..", "../names/box"):
            before = tree(cuddy.root)
            answer = cuddy(*(word.format(*[path] * word.count("{}")) for word in verb.split()))
            gone = {each for each in before - tree(cuddy.root) if not each.endswith(".lock")}
            assert not gone, (verb, path)
            assert "Traceback" not in answer.err, (verb, path)
            if verb.startswith(("rename", "create", "try", "volume m", "volume s", "sandbox")):
                assert answer.code != 0, (verb, path)
    assert cuddy.ok("ps", "-aq", "--no-trunc") == box
