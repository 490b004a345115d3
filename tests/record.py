"""Asks the real docker what tests/golden/images keeps: `make recordings`, as root.

Docker's client on the PATH talks to a dockerd of its own, which has loaded or pulled the images
below, in namespaces that go away with it. Ids, digests and sizes come out the same every time; the
ages are those at the moment of each command, which the transcripts note.

Docker shows the names of one image in an order that changes from one call to the next. Kept is the
first in alphabetical order of what several calls printed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent
sys.path[:0] = [str(TESTS), str(TESTS.parent), str(TESTS.parent / "src")]

from bench import engines  # noqa: E402

import images  # noqa: E402 - found by the line above
import isolation  # noqa: E402
import recorded  # noqa: E402
import registry  # noqa: E402
from recorded import Exchange, Known  # noqa: E402

ADDRESS, PORT = "127.0.0.1", 5000
DAY = 86400
CALLS = 24
"""Enough for every order of the few names that one image has here."""

FIRST = {"etc/": None, "etc/motd": 1234, "etc/link": {"target": "motd", "hard": False},
         "etc/twin": {"target": "etc/motd", "hard": True}}  # fmt: skip
SECOND = {"opt/": None, "opt/big": 70_000, "etc/motd": {"text": "changed\n"}}
THIRD = {"opt/.wh.big": 0, "srv/": None, "srv/.wh..wh..opq": 0}
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def stamp(age_s: float) -> str:
    """A time so long ago, with the nanoseconds that docker writes."""
    moment = time.time() - age_s
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + ".123456789Z"


def step(age_s: float, by: str, comment: str = "", *, empty: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {"created": stamp(age_s), "created_by": by}
    return (
        found | ({"comment": comment} if comment else {}) | ({"empty_layer": True} if empty else {})
    )


def descriptions() -> list[dict[str, Any]]:
    """The images: what they are made of, and the names they get."""
    shop = {
        "architecture": "amd64",
        "author": "Ada <ada@example.com>",
        "comment": "made by hand",
        "container": "c" * 64,
        "docker_version": "20.10.24",
        "created": stamp(130 * DAY),
        "config": {"Env": [PATH, "A=b c"], "Cmd": ["/bin/sh", "-c", "echo \"<&>\" 'x'"],
                   "Labels": {"tier": "front", "empty": "", "näme": "日本"}},
        "history": [
            step(900 * DAY, "/bin/sh -c #(nop) ADD file:abc in / "),
            step(900 * DAY, '/bin/sh -c #(nop)  CMD ["/bin/sh"]', "first", empty=True),
            step(131 * DAY, "RUN /bin/sh -c echo\tone && echo two\n && echo 日本 a very long line "
                 "that goes on and on # buildkit", "buildkit.dockerfile.v0"),
            step(130 * DAY, "RUN /bin/sh -c rm /opt/big \x1b[31mred\u2028 <b>&amp;</b>"),
        ],
    }  # fmt: skip
    full = {
        "architecture": "amd64",
        "created": stamp(-3 * DAY),
        "os.version": "6.1",
        "config": {
            "Hostname": "builder", "User": "1000:1000", "ExposedPorts": {"80/tcp": {}, "9/udp": {}},
            "Env": [PATH], "Entrypoint": ["/entry", "--flag"], "Cmd": None,
            "Volumes": {"/data": {}, "/logs": {}}, "WorkingDir": "/srv/app", "Shell": ["/bin/bash"],
            "OnBuild": ["RUN make"], "StopSignal": "SIGQUIT", "Labels": {"tier": "back"},
            "Healthcheck": {"Test": ["CMD", "true"], "Interval": 30_000_000_000, "Retries": 3},
            "ArgsEscaped": True,
        },
        "history": [step(0, "only one of two")],
    }  # fmt: skip
    return [
        {"names": ["shop:1", "shop:latest", "127.0.0.1:5000/me/shop:2"],
         "layers": [FIRST, SECOND, THIRD], "document": shop},
        {"names": ["quay.io/acme/base:v1.2.3_rc"], "layers": [FIRST], "document": {
            "architecture": "amd64", "created": stamp(22 * DAY),
            "config": {"Labels": {"tier": "front", "x": "y"}}}},
        {"names": [], "layers": [SECOND], "document": {
            "architecture": "amd64", "created": stamp(5 * 31 * DAY), "config": {}}},
        {"names": ["tool:local"], "served": "127.0.0.1:5000/team/tool:1", "layers": [FIRST, THIRD],
         "document": {"architecture": "amd64", "created": stamp(5 * 3600), "config": {"Env": []}}},
        {"names": [], "served": "127.0.0.1:5000/team/pinned@", "layers": [{"one": 1_500_000}],
         "document": {"architecture": "amd64", "created": stamp(3.1 * DAY)}},
        {"names": ["nothing:here"], "layers": [], "document": {
            "architecture": "amd64", "config": {"Cmd": []}}},
        {"names": ["full:1"], "layers": [FIRST, {"etc/b": 0}], "document": full},
        {"names": ["other/arm:1"], "layers": [{"arm": 999_999}], "document": {
            "architecture": "arm64", "variant": "v8", "created": stamp(310), "history": [
                {"created": "1999-01-01T00:00:00Z", "created_by": "日本語" * 20}, {
                    "created_by": "no time", "empty_layer": True}]}},
        {"names": ["old:1"], "layers": [{"old": 1_000_000_000 // 400}], "document": {
            "architecture": "amd64", "created": "1969-07-20T20:17:40Z"}},
    ]  # fmt: skip


FORMAT = "{{.ID}} {{.Repository}}:{{.Tag}} {{.Digest}} {{.Size}} {{.CreatedSince}}"
IMAGES: list[Sequence[str]] = [
    [], ["-a"], ["--digests"], ["--no-trunc"], ["--digests", "--no-trunc"], ["-q"],
    ["-q", "--no-trunc"], ["-aq", "--digests"], ["--format", "table"], ["--format", "json"],
    ["--format", "json", "--digests"], ["--format", "{{json .}}", "--no-trunc"],
    ["--format", FORMAT], ["--format", "{{.Repository}} {{.Digest}}", "--digests"],
    ["--format", "table {{.Repository}}\\t{{.ID}}"],
    ["--format", "table {{.Repository}}\\t{{.ID}}", "--digests"],
    ["--format", "table {{.Repository}}\\t{{.CreatedAt}}\\t{{.VirtualSize}}\\t{{.Containers}}"],
    ["--format", "{{.Repository}} {{.SharedSize}} {{.UniqueSize}} {{.Containers}}"],
    ["-q", "--format", "{{.Repository}}"], ["-q", "--format", "json"],
    ["--format", "raw"], ["--format", "raw", "-q"], ["--format", "raw", "--digests"],
    ["--format", "{{.Nope}}"], ["--format", "{{"], ["--format", ""],
    ["--tree"], ["shop"], ["shop:1"], ["shop:none"], ["sh*"], ["SHOP"], ["docker.io/library/shop"],
    ["127.0.0.1:5000/me/shop"], ["127.0.0.1:5000/*/*"], ["team/*"], ["*/*"], ["*"], ["*:1"], ["["],
    ["a", "b"], ["--nope"],
    *(["-f", each] for each in (
        "dangling=true", "dangling=false", "dangling=maybe", "dangling", "label=tier",
        "label=tier=front", "label=tier=", "label=empty=", "label=none", "label!=tier",
        "before=shop:1", "since=shop:1", "before=nosuch", "since=BAD", "reference=sh*",
        "reference=*/*", "reference=shop:*", "reference=127.0.0.1:5000/team/*", "reference=[",
        "reference=quay.io/acme/base:v1.2.3_rc", "id=1", "x=y", "=x", "Label=tier",
    )),
    ["-f", "label=tier", "-f", "label=x"], ["-f", "reference=shop", "-f", "reference=tool"],
    ["-f", "dangling=true", "-f", "dangling=false"], ["-f", "dangling=false", "-f", "label=tier"],
    ["-f", "before=shop:1", "-f", "since=old:1"], ["shop", "-f", "reference=tool"],
    ["-qf", "dangling=true"], ["-f", "since=tool:local", "-f", "since=shop:1"],
]  # fmt: skip
HISTORY: list[Sequence[str]] = [
    ["shop:1"], ["--no-trunc", "shop:1"], ["-H=false", "shop:1"], ["--human=false", "-q", "shop"],
    ["-q", "shop:1"], ["-q", "--no-trunc", "shop:1"], ["--format", "json", "shop:1"],
    ["--format", "json", "--no-trunc", "-H=false", "shop:1"], ["--format", "{{json .}}", "shop:1"],
    ["--format", "table", "shop:1"], ["--format", "{{.ID}} {{.Size}} {{.Comment}}", "shop:1"],
    ["--format", "{{.CreatedAt}} {{.CreatedSince}}", "shop:1"],
    ["--format", "table {{.CreatedBy}}\\t{{.CreatedAt}}", "shop:1"],
    ["-q", "--format", "{{.Size}}", "shop:1"], ["--format", "{{.Nope}}", "shop:1"],
    ["quay.io/acme/base:v1.2.3_rc"], ["nothing:here"], ["full:1"], ["other/arm:1"], ["old:1"],
    ["-H=false", "other/arm:1"], ["--format", "json", "other/arm:1"],
    ["nosuch"], ["BAD"], [], ["a", "b"], ["--nope", "shop"], ["--platform", "linux/amd64", "shop"],
]  # fmt: skip


def commands() -> dict[str, list[Sequence[str]]]:
    """Transcript -> its commands, in order."""
    ids = {name: each.built.id for each in recorded.known() for name in each.names[:1]}
    short = {name: identity[7:19] for name, identity in ids.items()}
    digest = next(each for each in recorded.known() if "tool" in each.served).built.digest
    tool = f"127.0.0.1:5000/team/tool@{digest}"
    inspected = [each.built.id[7:19] for each in recorded.known()]
    quick = ["images", "--digests", "--format", "{{.Repository}}:{{.Tag}} {{.Digest}} {{.ID}}"]
    return {
        "images": [["images", *words] for words in IMAGES] + [["image", "ls"], ["image", "list"]],
        "history": [["history", *words] for words in HISTORY] + [["image", "history", "old:1"]],
        "inspect": [
            *(["image", "inspect", each] for each in inspected),
            *(["image", "inspect", "-f", form, "shop"] for form in (
                "{{.Id}}", "{{.RepoTags}} {{.RepoDigests}}", "{{json .Config.Labels}}",
                "{{.Config.Env}}", "{{.Size}} {{.Os}}/{{.Architecture}}", "{{.Nope}}", "json",
                "{{len .RootFS.Layers}}", "{{index .RootFS.Layers 0}}", "{{.Created}}", "{{",
                "{{range .RepoTags}}{{println .}}{{end}}", "{{json .Config.Cmd}}",
                '{{index .Config.Labels "tier"}}', '{{index .Config.Labels "none"}}',
                "{{.Author}} {{.Comment}} {{.DockerVersion}}", "{{.Config.Nope}}",
            )),
            ["image", "inspect", "-f", "{{.Id}}", "shop", "nosuch", "old:1", "BAD"],
            ["image", "inspect", "nosuch"], ["image", "inspect"],
            ["image", "inspect", "-f", "{{.RepoDigests}} {{.RepoTags}}", tool],
            ["image", "inspect", "--platform", "linux/amd64", "shop"],
            ["inspect", "--type", "image", "-f", "{{.Id}}", "shop"],
            ["inspect", "-f", "{{.Id}}", "shop", "nosuch"],
        ],
        "tag": [
            ["tag"], ["tag", "shop"], ["tag", "a", "b", "c"], ["tag", "nosuch", "new"],
            ["tag", "shop", "BAD"], ["tag", "BAD", "new"], ["tag", "shop", ""], ["tag", "", "new"],
            ["tag", "shop", "new:" + "x" * 129], ["tag", "shop", "0" * 64],
            ["tag", "shop", f"new@{digest}"], ["tag", "shop", f"new:1@{digest}"], quick,
            ["tag", "shop:1", "new"], ["tag", "shop:1", "new"], ["tag", "new", "new"], quick,
            ["tag", short["old:1"], "new:2"], ["tag", ids["old:1"], "new:3"],
            ["tag", ids["old:1"][7:], "Host.Example:1/new:4"], quick,
            ["tag", "old:1", "new"], ["tag", tool, "127.0.0.1:5000/team/tool:2"],
            ["image", "tag", tool, "other/tool"], ["tag", "shop:1", "127.0.0.1:5000/team/tool:1"],
            quick, ["tag", "old:1", "shop"], ["tag", "old:1", "docker.io/library/shop:1"], quick,
        ],
        "rmi": [
            ["rmi"], ["rmi", "nosuch"], ["rmi", "-f", "nosuch"], ["rmi", "BAD"], ["rmi", "--nope"],
            ["rmi", "shop:2", "nosuch", "nothing:here"], quick,
            ["rmi", short["shop:1"]], ["rmi", "shop:1"],
            ["rmi", "--no-prune", "shop:latest"], quick,
            ["rmi", "127.0.0.1:5000/me/shop:2"], ["rmi", "-f", short["tool:local"]], quick,
            ["rmi", "quay.io/acme/base:v1.2.3_rc", "full:1"],
            ["tag", "old:1", "old:2"], ["rmi", short["old:1"]], ["tag", "other/arm:1", "arm:2"],
            ["rmi", "other/arm:1"], ["image", "rm", ids["other/arm:1"]], quick,
            ["rmi", "--platform", "linux/amd64", "old:1"],
        ],
    }  # fmt: skip


def ask(docker: engines.Engine, words: Sequence[str]) -> Exchange:
    moment_ns = time.time_ns()
    done = subprocess.run(docker.words(*words), capture_output=True, timeout=60)
    texts = (text.decode(errors="surrogateescape") for text in (done.stdout, done.stderr))
    return Exchange(tuple(words), moment_ns, done.returncode, *texts)


def ask_often(docker: engines.Engine, words: Sequence[str]) -> Exchange:
    """The first in alphabetical order of several answers, for commands that only look."""
    changes = words[0] in ("tag", "rmi") or words[1:2] in (["tag"], ["rm"])
    answers = [ask(docker, words) for _ in range(1 if changes else CALLS)]
    return min(answers, key=lambda answer: (answer.out, answer.err))


def bring_in(docker: engines.Engine, image: Known) -> None:
    """Let docker have an image: loaded, or pulled from the registry."""
    if not image.served:
        archive = recorded.docker_archive(image)
        subprocess.run(docker.words("load"), input=archive, check=True, capture_output=True)
        return
    host, _, rest = image.served.partition("/")
    repository, _, tag = rest.partition("@")[0].partition(":")
    images.push(host, image.built, repository, tag or "pinned")
    docker.ask("pull", image.served)
    for name in image.names:
        docker.ask("tag", image.served, name)


def serve_registry(stack: ExitStack, directory: Path) -> None:
    """A registry at the port that is part of the names."""
    directory.mkdir()
    config = directory / "config.yml"
    config.write_text(registry.configuration(directory / "data", f"{ADDRESS}:{PORT}", None, None))
    log = stack.enter_context((directory / "log").open("wb"))
    server = subprocess.Popen([registry.PROGRAM, "serve", str(config)], stdout=log, stderr=log)
    stack.callback(server.wait)
    stack.callback(server.terminate)
    registry.wait_until_ready(server, ADDRESS, PORT, directory / "log")


def pin(described: dict[str, Any]) -> dict[str, Any]:
    """An image that is known by nothing but its digest."""
    if described.get("served", "").endswith("@"):
        built = recorded.build(described).built
        return described | {"served": described["served"] + built.digest}
    return described


def record() -> None:
    recorded.FOLDER.mkdir(exist_ok=True)
    described = [pin(each) for each in descriptions()]
    text = json.dumps(described, indent=1, ensure_ascii=False)
    recorded.DESCRIPTIONS.write_text(text + "\n")
    for name, wanted in commands().items():
        with ExitStack() as stack:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            serve_registry(stack, directory / "registry")
            daemon = stack.enter_context(engines.docker(directory / "docker"))
            docker = daemon._replace(prefix=("docker", *daemon.prefix[1:]))
            for image in recorded.known():
                bring_in(docker, image)
            heading = docker.ask("version", "--format", "docker {{.Client.Version}}, dockerd "
                                 "{{.Server.Version}} (API {{.Server.APIVersion}})")  # fmt: skip
            recorded.write(name, [ask_often(docker, words) for words in wanted], heading)


if __name__ == "__main__":
    if not isolation.is_inside():
        sys.exit(isolation.enter([sys.executable, __file__]))
    record()
