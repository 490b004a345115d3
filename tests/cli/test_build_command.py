"""`cuddy build` as a person or a script meets it: what is shown, kept and written, and exit codes.

What is built is small: the Dockerfile language itself is tested by the corpus.
"""

from __future__ import annotations

import base64
import io
import json
import os
import re
import shutil
import signal
import tarfile
from pathlib import Path

import pytest

from console import TIME_FACTOR, Cuddy, wait_until
from registry import Registry

FAILING = """\
FROM alpine AS first
RUN echo one
FROM first
RUN for n in $(seq 1 30); do echo line $n; done; \\
    printf '\\033]0;title\\007\\n'; exit 3
CMD ["sh"]
"""
ID = r"sha256:[0-9a-f]{64}"


@pytest.fixture
def context(cuddy: Cuddy, tmp_path: Path) -> Path:
    shutil.rmtree(cuddy.root / "build/logs", ignore_errors=True)
    directory = tmp_path / "context"
    directory.mkdir()
    (directory / "Dockerfile").write_text("FROM alpine\nCOPY file /file\nRUN cat /file\n")
    (directory / "file").write_text("content\n")
    return directory


def write(context: Path, text: str) -> None:
    (context / "Dockerfile").write_text(text)


def test_a_build_tells_on_standard_error_and_makes_an_image(cuddy: Cuddy, context: Path) -> None:
    result = cuddy("build", "-t", "made", context)
    assert (result.code, result.out) == (0, "")
    assert re.search(r"^#\d+ \[3/3\] RUN cat /file\n#\d+ \d+\.\d{3} content\n#\d+ DONE \d",
                     result.err, re.MULTILINE)  # fmt: skip
    assert cuddy.ok("run", "--rm", "made", "cat", "/file") == "content"
    again = cuddy("build", "-t", "made", context)
    assert again.err.count("CACHED") == 3


def test_quiet_prints_the_id_and_nothing_else(cuddy: Cuddy, context: Path) -> None:
    result = cuddy("build", "-q", "-t", "made", context)
    assert re.fullmatch(ID, result.out)
    assert (result.code, result.err) == (0, "")
    assert cuddy.field("made", "{{.Id}}") == result.out


def test_the_files_of_a_build_name_the_image(cuddy: Cuddy, context: Path, tmp_path: Path) -> None:
    ids, facts = tmp_path / "ids", tmp_path / "facts.json"
    ids.write_text("stale")
    cuddy.ok("build", "-t", "made:1", "--iidfile", ids, "--metadata-file", facts, context)
    assert ids.read_text() == cuddy.field("made:1", "{{.Id}}")
    document = json.loads(facts.read_text())
    assert document["containerimage.config.digest"] == ids.read_text()
    assert document["containerimage.digest"] == document["containerimage.descriptor"]["digest"]
    assert set(document["containerimage.descriptor"]) == {"mediaType", "digest", "size"}
    assert document["image.name"] == "docker.io/library/made:1"
    write(context, "FROM alpine\nRUN false\n")
    assert cuddy("build", "--iidfile", ids, context).code == 1
    assert not ids.exists(), "nobody may take the old id for the new image's"
    (tmp_path / "link").symlink_to("ids")  # as /dev/stdout is one
    write(context, "FROM alpine\n")
    cuddy.ok("build", "--iidfile", tmp_path / "link", context)
    assert (tmp_path / "link").is_symlink() and re.fullmatch(ID, ids.read_text())


def test_a_step_that_fails_is_shown_with_all_that_helps(cuddy: Cuddy, context: Path) -> None:
    write(context, FAILING)
    result = cuddy("build", context)
    assert (result.code, result.out) == (1, "")
    shown = result.err.rpartition("------\n > ")[2]
    lines = shown.splitlines()
    assert lines[0].endswith(r"done; printf '\033]0;title\007\n'; exit 3:")
    assert [line.split(" ", 1)[1] for line in lines[1:21]] == [
        *(f"line {number}" for number in range(12, 31)), "\\x1b]0;title\\a",
    ]  # fmt: skip
    assert "\x1b" not in result.err
    assert lines[21:-1] == [
        "------", "Dockerfile:4", "--------------------",
        "   2 |     RUN echo one", "   3 |     FROM first",
        "   4 | >>> RUN for n in $(seq 1 30); do echo line $n; done; \\",
        r"   5 | >>>     printf '\033]0;title\007\n'; exit 3",
        '   6 |     CMD ["sh"]', "--------------------",
    ]  # fmt: skip
    assert lines[-1].startswith("cuddy: ")
    assert "exit code: 3" in lines[-1]
    assert "cuddy build log" in lines[-1]
    assert "cuddy build shell" in lines[-1]


def test_a_quiet_build_that_fails_shows_what_failed(cuddy: Cuddy, context: Path) -> None:
    write(context, FAILING)
    result = cuddy("build", "-q", context)
    assert (result.code, result.out) == (1, "")
    assert "line 30" in result.err
    assert "Dockerfile:4" in result.err


def test_the_log_of_a_build_is_kept_byte_for_byte(cuddy: Cuddy, context: Path) -> None:
    write(context, FAILING)
    shown = cuddy("build", context).err
    log = cuddy.ok("build", "log")
    assert shown.startswith(log)
    (number,) = re.findall(r"^#(\d+) ERROR", log, re.MULTILINE)
    written = cuddy("build", "log", "LAST", number).stdout
    expected = "".join(f"line {n}\n" for n in range(1, 31)) + "\x1b]0;title\a\n"
    assert written.decode() == expected
    with cuddy.terminal("build", "log", "LAST", f"#{number}", rows=50) as terminal:
        terminal.expect(r"\\x1b\]0;title\\a")
        assert terminal.ends() == 0
    assert "no step 99" in cuddy("build", "log", "LAST", "99").complaint


def test_builds_are_listed_inspected_and_removed(cuddy: Cuddy, context: Path) -> None:
    cuddy.ok("build", "-t", "made", context)
    write(context, FAILING)
    cuddy("build", "--target", "first", context)
    cuddy("build", context)
    rows = cuddy.ok("builder", "history", "ls", "--format", "{{.Name}} {{.Status}}").splitlines()
    assert rows[:3] == ["context Error", "context (first) Completed", "made Completed"]
    (failed,) = cuddy.ok("buildx", "history", "ls", "-q", "--filter", "status=error").splitlines()
    (document,) = json.loads(cuddy.ok("builder", "history", "inspect", failed[:6]))
    assert document["Id"] == failed
    assert "exit code: 3" in document["Error"]
    assert document["Steps"][-1]["Error"]
    assert cuddy.field("made", "{{.Id}}") in cuddy.ok("builder", "history", "inspect", "^2")
    assert cuddy.ok("builder", "history", "rm", failed) == ""
    assert cuddy("build", "log", failed).complaint.startswith("cuddy: No such build")
    cuddy.ok("builder", "history", "rm", "--all")
    assert cuddy.ok("builder", "history", "ls", "-q") == ""


def test_raw_json_is_a_document_a_line(cuddy: Cuddy, context: Path) -> None:
    result = cuddy("build", "--no-cache", "--progress=rawjson", context)
    documents = [json.loads(line) for line in result.err.splitlines()]
    logs = [log for each in documents for log in each.get("logs", ())]
    assert b"content" in b"".join(base64.b64decode(log["data"]) for log in logs)
    vertexes = {v["digest"]: v for each in documents for v in each.get("vertexes", ())}
    assert all(vertex["completed"] for vertex in vertexes.values())
    assert {log["vertex"] for log in logs} < set(vertexes)


def test_the_environment_chooses_the_form(
    cuddy: Cuddy, context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cuddy.environment, "BUILDKIT_PROGRESS", "rawjson")
    assert json.loads(cuddy("build", context).err.splitlines()[0])
    assert cuddy("build", "--progress", "plain", context).err.startswith("#1 [internal]")
    monkeypatch.setitem(cuddy.environment, "BUILDKIT_PROGRESS", "loud")
    assert "invalid progress mode loud" in cuddy("build", context).complaint
    monkeypatch.delitem(cuddy.environment, "BUILDKIT_PROGRESS")
    monkeypatch.setitem(cuddy.environment, "DOCKER_DEFAULT_PLATFORM", "a/b/c/d")
    assert "invalid platform 'a/b/c/d'" in cuddy("build", context).err


def test_arguments_come_from_the_environment_and_secrets_go_nowhere(
    cuddy: Cuddy, context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(context, """\
FROM alpine
ARG WHO
RUN --mount=type=secret,id=token,env=TOKEN echo "$WHO ${#TOKEN}" > /who
""")  # fmt: skip
    monkeypatch.setitem(cuddy.environment, "WHO", "me")
    monkeypatch.setitem(cuddy.environment, "TOKEN", "hush-hush-hush")
    cuddy.ok("build", "-t", "made", "--build-arg", "WHO", "--build-arg", "NOBODY",
             "--secret", "id=token,env=TOKEN", context)  # fmt: skip
    assert cuddy.ok("run", "--rm", "made", "cat", "/who") == "me 14"
    found = [
        path for path in cuddy.root.rglob("*")
        if path.is_file() and not path.is_symlink() and b"hush-hush" in path.read_bytes()
    ]  # fmt: skip
    assert found == []


def test_the_context_and_the_dockerfile_may_come_on_standard_input(
    cuddy: Cuddy, context: Path
) -> None:
    text = b"FROM alpine\nRUN echo by stdin\n"
    assert "by stdin" in cuddy("build", "-", input=text).err
    text += b"COPY file /file\n"
    assert cuddy("build", "-f", "-", context, input=text).code == 0
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        archive.add(context, ".")
    cuddy.ok("build", "-t", "made", "-", input=stream.getvalue())
    assert cuddy.ok("run", "--rm", "made", "cat", "/file") == "content"


def test_a_mistake_is_shown_with_its_line(cuddy: Cuddy, context: Path) -> None:
    write(context, "FROM alpine\nRUNN echo\n")
    result = cuddy("build", context)
    assert result.code == 1
    *excerpt, message = result.err.splitlines()[-4:]
    assert any("RUNN echo" in line for line in excerpt)
    assert re.match(r"cuddy: Dockerfile:2:1: unknown instruction: RUNN", message)
    assert "RUN?" in message


def test_checks_answer_without_building(cuddy: Cuddy, context: Path) -> None:
    assert cuddy.ok("build", "--check", context) == "Check complete, no warnings found."
    write(context, "FROM alpine as Base\nCMD echo hi\n")
    result = cuddy("build", "--check", context)
    assert result.code == 1
    assert "WARNING: JSONArgsRecommended" in result.out
    assert result.out.endswith("warnings have been found!")
    assert cuddy.ok("builder", "history", "ls", "-q") == ""


@pytest.mark.parametrize(("words", "told"), [
    (("--secret", "novalue"), "invalid field 'novalue' must be a key=value pair"),
    (("--secret", "id=x,src=/nowhere"), "/nowhere"),
    (("--ssh", "x=/nowhere"), "failed to open /nowhere"),
    (("--allow", "network.hots"), "invalid entitlement: network.hots"),
    (("--platform", "linux/amd64,linux/arm64"), "an image of the store is for one platform"),
])  # fmt: skip
def test_what_cannot_be_lent_or_made_is_refused_before_anything_is_built(
    cuddy: Cuddy, context: Path, words: tuple[str, ...], told: str
) -> None:
    result = cuddy("build", "--progress", "plain", *words, context)
    assert result.code == 1
    assert told in result.err and "FROM" not in result.err


def test_buildx_tells_of_one_builder(cuddy: Cuddy) -> None:
    assert re.match(r"cuddy/buildx v\d+\.\d+\.\d+ ", cuddy.ok("buildx", "version"))
    shown = cuddy.ok("buildx", "ls").splitlines()
    assert shown[0].split() == ["NAME/NODE", "DRIVER/ENDPOINT", "STATUS", "BUILDKIT", "PLATFORMS"]
    assert shown[1].split() == ["default*", "docker"]
    assert (
        json.loads(cuddy.ok("buildx", "ls", "--format", "json"))["Nodes"][0]["Status"] == "running"
    )
    assert "Status:           running" in cuddy.ok("buildx", "inspect", "--bootstrap", "default")
    assert 'no builder "x" found' in cuddy("buildx", "inspect", "x").err


def test_checks_know_the_base_and_what_is_ignored(cuddy: Cuddy, context: Path) -> None:
    write(context, "ARG B=alpine\nFROM $B\nCOPY --chmod=644 file gone* /x/\nENV P=$PAHT:$PATH\n")
    (context / ".dockerignore").write_text("gone*\nfile\n!fil?")
    found = (
        "CopyIgnoredFile: ",
        "UndefinedVar: Usage of undefined variable '$PAHT' (did you mean $PATH?)",
    )
    result = cuddy("build", "--check", context)
    assert result.out.count("WARNING") == 2
    assert 'Attempting to Copy file "gone*" that is excluded' in result.out
    (context / ".dockerignore").unlink()
    (context / "gone").touch()
    err = cuddy("build", context).err
    assert found[1] in err and found[0] not in err
    asked = ("--build-arg", "BUILDKIT_DOCKERFILE_CHECK=skip=all")
    assert cuddy("build", "--check", *asked, context).code == 0


def test_targets_and_what_they_take_can_be_asked(cuddy: Cuddy, context: Path) -> None:
    write(context, """\
ARG V=1
ARG TOOLS=too
# tools what all need
FROM alpine AS tools
FROM alpine AS other
ARG UNUSED=1
FROM ${TOOLS}ls AS app
# COLOUR of the shed
ARG COLOUR=red
RUN --mount=type=secret,id=key,required true
""")  # fmt: skip
    lines = cuddy.ok("build", "--call=targets", context).splitlines()
    assert [line.split() for line in lines] == [
        ["TARGET", "DESCRIPTION"], ["tools", "what", "all", "need"], ["other"],
        ["app", "(default)"],
    ]  # fmt: skip
    document = json.loads(cuddy.ok("build", "--call=outline,format=json", context))
    assert [(each["name"], each["value"]) for each in document["args"]] == [
        ("V", "1"), ("TOOLS", "too"), ("COLOUR", "red"),
    ]  # fmt: skip
    assert document["args"][2]["description"] == "of the shed"
    assert document["secrets"] == [{"name": "key", "required": True}]
    assert "UNUSED" in cuddy.ok("build", "--call=outline", "--target", "other", context)


def test_a_directory_called_log_can_be_built(cuddy: Cuddy, tmp_path: Path) -> None:
    shutil.rmtree(cuddy.root / "build/logs", ignore_errors=True)
    (tmp_path / "log").mkdir()
    assert "No such build" in cuddy("build", "log", cwd=tmp_path).complaint
    (tmp_path / "log/Dockerfile").write_text("FROM scratch\nLABEL a=b\n")
    assert re.fullmatch(ID, cuddy.ok("build", "-q", "log", cwd=tmp_path))
    assert "exporting" in cuddy("build", "log", cwd=tmp_path).err
    assert "#1" in cuddy.ok("builder", "log", cwd=tmp_path)


def test_a_person_at_a_terminal_sees_steps_and_their_output(cuddy: Cuddy, context: Path) -> None:
    write(
        context,
        f"FROM alpine\nRUN echo hello; sleep {TIME_FACTOR}\nRUN printf '\\033[2J'; exit 5\n",
    )
    with cuddy.terminal("build", "--no-cache", str(context), rows=30, columns=100) as terminal:
        terminal.expect(r"=> => # hello")
        terminal.expect("exit code: 5")
        assert terminal.ends() == 1
        screen = [line for line in terminal.screen() if line]
    assert any(re.match(r" => \[2/3\] RUN echo hello; sleep \d+ +\d+\.\ds$", line)
               for line in screen)  # fmt: skip
    assert any(line.startswith(" => ERROR [") for line in screen)
    assert r"\x1b[2J" in "".join(screen)


def test_ctrl_c_ends_a_build_and_the_record_says_so(cuddy: Cuddy, context: Path) -> None:
    write(context, "FROM alpine\nRUN echo up; sleep 1000\n")
    with cuddy.terminal("build", str(context), rows=30, columns=100) as terminal:
        terminal.expect(r"=> => # up")
        terminal.interrupt()
        assert terminal.ends() == 130
    assert "Canceled" in cuddy.ok("builder", "history", "ls")
    assert cuddy.ok("build", "log", "LAST").endswith(" up\n#4 CANCELED")


def test_a_build_that_is_killed_is_canceled_too(cuddy: Cuddy, context: Path) -> None:
    write(context, "FROM alpine\nRUN echo up; sleep 1000\n")
    with cuddy.start("build", context) as process:
        assert process.stderr
        wait_until(lambda: b" up\n" in process.stderr.readline())
        assert "Running" in cuddy.ok("builder", "history", "ls")
        process.send_signal(signal.SIGKILL)
        process.wait()
    wait_until(lambda: "Canceled" in cuddy.ok("builder", "history", "ls"))


def test_why_a_step_was_not_cached_is_told_when_asked(cuddy: Cuddy, context: Path) -> None:
    (context / "file").write_text("of this test only\n")
    cuddy.ok("build", context)
    (context / "file").write_text("other\n")
    shown = cuddy("build", "--explain-cache", context).err
    assert re.search(r"^#\d+ not cached: .*file", shown, re.MULTILINE)
    shown = cuddy("build", "--explain-cache", "--no-cache", context).err
    assert re.search(r"^#\d+ not cached: --no-cache$", shown, re.MULTILINE)


def test_the_library_builds_too(cuddy: Cuddy, context: Path) -> None:
    program = f"""
import cuddy
events = []
built = cuddy.build({str(context)!r}, tags="made", build_args={{"A": None}}, timestamp=0,
                    root={str(cuddy.root)!r}, run_root={str(cuddy.run_root)!r},
                    on_event=events.append)
print(built.image_id, len(events) > 5)
"""
    import subprocess
    import sys

    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    out = subprocess.check_output([sys.executable, "-c", program], text=True, env=environment)
    image_id, heard = out.split()
    assert heard == "True"
    document = cuddy.inspect("made")
    assert document["Id"] == image_id
    assert document["Created"].startswith("1970-01-01T00:00:00")
    assert "Completed" in cuddy.ok("builder", "history", "ls")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["build"], "requires 1 argument"),
        (["build", "a", "b"], "requires 1 argument"),
        (["build", "/nonexistent"], 'path "/nonexistent" not found'),
        (["build", "--provenance=true", "."], "attestations are not supported"),
        (["build", "-t", "UPPER", "."], "invalid argument"),
        (["build", "-m", "3", "."], "Minimum memory limit allowed is 6MB"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(cuddy: Cuddy, words: list[str], message: str) -> None:
    result = cuddy(*words)
    assert result.code in (1, 125)
    assert message in result.err.splitlines()[-1]


def test_a_shell_opens_where_a_step_failed(cuddy: Cuddy, context: Path) -> None:
    write(context, """\
FROM alpine
ENV COLOUR=red
WORKDIR /work
COPY file .
RUN touch made; false
""")  # fmt: skip
    assert cuddy("build", context).code == 1
    seen = cuddy.ok("build", "shell", "LAST", "sh", "-c", "pwd; ls; echo $COLOUR; cat file")
    assert seen.splitlines() == ["/work", "file", "made", "red", "content"]
    assert cuddy("build", "shell", "LAST", "sh", "-c", "exit 7").code == 7
    assert cuddy("build", "shell", input=b"cat file; touch more; exit 4\n").stdout == b"content\n"
    with cuddy.terminal("build", "shell", rows=33, columns=99) as terminal:
        terminal.expect("/work # ")
        assert terminal.ask("ls | xargs; stty size").split("\r\n") == ["file made more", "33 99"]
        terminal.line("exit 6")
        assert terminal.ends() == 6
    assert "no such build" in cuddy("build", "shell", "nobody").complaint


def test_the_cache_is_shown_and_pruned(cuddy: Cuddy, context: Path) -> None:
    write(context, "FROM alpine\nRUN head -c 2000000 /dev/urandom > /random\n")
    cuddy.ok("build", context)
    step = "{{.Description}}"
    assert "/dev/urandom" in cuddy.ok("builder", "du", "--format", step)
    lines = cuddy.ok("builder", "du", "--filter", "description~=urandom").splitlines()
    assert lines[0].split() == ["ID", "RECLAIMABLE", "SIZE", "LAST", "ACCESSED"]
    assert lines[-1].split()[0] == "Total:"
    (piece,) = [line.split()[0] for line in lines[1:] if ":" not in line.split()[0]]
    assert piece in cuddy.ok("builder", "du", "--verbose")
    asked = cuddy("builder", "prune", input=b"n\n").out
    assert "This will remove all dangling build cache" in asked
    out = cuddy.ok("builder", "prune", "-af", "--filter", f"id={piece}")
    assert piece in out
    assert out.splitlines()[-1].startswith("Total:")
    assert "/dev/urandom" not in cuddy.ok("builder", "du", "--format", step)
    assert "invalid filter" in cuddy("builder", "prune", "-f", "--filter", "colour=red").complaint


def test_a_source_that_is_not_there_is_shown_in_its_place(cuddy: Cuddy, context: Path) -> None:
    write(context, "FROM alpine\nCOPY nobody /file\n")
    result = cuddy("build", context)
    assert result.code == 1
    assert re.search(r'^#\d+ ERROR: "/nobody": not found', result.err, re.MULTILINE)
    assert "   2 | >>> COPY nobody /file\n" in result.err
    assert result.err.splitlines()[-1].startswith('cuddy: "/nobody": not found')


@pytest.mark.parametrize(
    "text, told",
    [
        ("FROM 127.0.0.1:1/none\n", [">>> FROM", "ERROR: 127.0.0.1:1/none: no connection to"]),
        (
            "FROM alpine AS base\nFROM alpine\nCOPY --from=127.0.0.1:1/none / /\n",
            [">>> COPY", "127.0.0.1:1/none: no connection"],
        ),
        ("FROM alpine\nADD http://127.0.0.1:1/x /\n", [">>> ADD", "ERROR: cannot download"]),
        ("ARG A\nFROM $A\n", ["line 2: base name ($A) should not be blank"]),
        (
            "FROM alpine AS one\nRUN true\nFROM alpine\nCOPY --from=one /nope /\n",
            [">>> COPY", 'ERROR: "/nope": not found'],
        ),
    ],
)
def test_what_cannot_be_had_is_shown_in_its_place(
    cuddy: Cuddy, context: Path, text: str, told: list[str]
) -> None:
    write(context, text)
    result = cuddy("build", context)
    assert result.code == 1
    for each in told:
        assert each in result.err


def test_more_layers_than_the_kernel_mounts_are_refused(cuddy: Cuddy, context: Path) -> None:
    write(context, "FROM alpine\n" + "COPY --link file /file\n" * 500)
    assert "at most 500 layers" in cuddy("build", context).err.splitlines()[-1]


def test_checks_warn_while_building_and_may_forbid_it(cuddy: Cuddy, context: Path) -> None:
    write(context, "FROM alpine\nCMD echo hi\n")
    assert "\n 1 warning found:\n - JSONArgsRecommended: " in cuddy("build", context).err
    rule = "BUILDKIT_DOCKERFILE_CHECK=skip=JSONArgsRecommended"
    assert "warning" not in cuddy("build", "--build-arg", rule, context).err
    write(context, "# check=error=true\nFROM alpine\nCMD echo hi\n")
    assert cuddy("build", "--build-arg", rule, context).code == 0
    result = cuddy("build", context)
    assert result.code == 1
    assert "lint violation found for rules: JSONArgsRecommended" in result.err.splitlines()[-1]
    assert ">>> CMD echo hi" in result.err


def test_an_image_is_pushed_once_it_is_built(
    cuddy: Cuddy, context: Path, registry: Registry
) -> None:
    name = registry.name("built-and-pushed")
    result = cuddy("build", "-t", name, "--push", context)
    assert result.code == 0, result.err
    image_id = cuddy.field(name, "{{.Id}}")
    cuddy.ok("rmi", "-f", name)
    cuddy.ok("pull", name)
    assert cuddy.field(name, "{{.Id}}") == image_id
    assert "tag is needed" in cuddy("build", "--push", context).complaint
