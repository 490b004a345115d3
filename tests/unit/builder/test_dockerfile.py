"""Dockerfiles are read as BuildKit reads them; tests/golden/dockerfile has files and results."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

import golden
from cuddy.builder import dockerfile
from cuddy.builder.instructions import Change, Copy, Place, Run
from cuddy.errors import InvalidArgument

CASES = sorted((golden.GOLDEN / "dockerfile").glob("*.Dockerfile"))


def parse(*lines: str) -> dockerfile.Dockerfile:
    return dockerfile.parse("\n".join(lines).encode())


def written(found: dockerfile.Dockerfile) -> str:
    """What was read, a field a line; fields at their default are left out."""
    shown = [f"escape {found.escape!r}", *(f"# {k}={v}" for k, v in found.directives.items())]
    for each in found.instructions:
        place = each.place
        shown += ["", f"{type(each).__name__} {place.line}-{place.last_line}"]
        defaults = type(each)._field_defaults
        for field, value in each._asdict().items():
            if field == "heredocs":
                shown += [f"  heredoc {text!r}" for text in value]
            elif field != "place" and (field not in defaults or value != defaults[field]):
                shown.append(f"  {field} {value!r}")
    return "\n".join([*shown, ""])


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_file_is_read_into_instructions(path: Path) -> None:
    found = dockerfile.parse(path.read_bytes())
    golden.check(f"dockerfile/{path.stem}.txt", written(found))


WRONG = [
    # file; message; line, column; what the caret is below
    ("FROM a\nRUNN x", "unknown instruction: RUNN (did you mean RUN?)", "2:1", "RUNN"),
    ("FROM a\nrunn x", "unknown instruction: runn (did you mean run?)", "2:1", "runn"),
    ("FROM a\nXYZZY x", "unknown instruction: XYZZY", "2:1", "XYZZY"),
    ("FROM a\n&& b", "unknown instruction: &&", "2:1", "&&"),
    ("RUN x", "no build stage in current context", "1:1", "RUN"),
    ("ARG a\nENV b=c\nFROM d", "no build stage in current context", "2:1", "ENV"),
    ("FROM", "FROM requires either one or three arguments", "1:1", "FROM"),
    ("FROM a b", "FROM requires either one or three arguments", "1:1", "FROM"),
    ("FROM a AS", "FROM requires either one or three arguments", "1:1", "FROM"),
    ("FROM a AS 1b", 'invalid name for build stage: "1b"', "1:11", "1b"),
    ("FROM a AS é", 'invalid name for build stage: "é"', "1:11", "é"),
    ("FROM --platfrom=x a", "unknown flag: --platfrom (did you mean --platform?)", "1:6",
     "--platfrom"),
    ("FROM a\nCOPY --chonw=1 a b", "unknown flag: --chonw (did you mean --chown?)", "2:6",
     "--chonw"),
    ("FROM a\nCOPY \\\n\n  --chonw=1 a b", "unknown flag: --chonw", "4:3", "--chonw"),
    ("FROM a\nADD --from=x a b", "unknown flag: --from", "2:5", "--from"),
    ("FROM a\nENV --x a=b", "unknown flag: --x", "2:5", "--x"),
    ("FROM a\nCOPY --chown=1 --chown=2 a b", "duplicate flag specified: --chown", "2:16",
     "--chown=2"),
    ("FROM a\nCOPY --from a b", "missing a value on flag: --from", "2:6", "--from"),
    ("FROM a\nCOPY --link= a b", "missing a value on flag: --link", "2:6", "--link"),
    ("FROM a\nCOPY --link=yes a b", "expecting boolean value for flag --link, not: yes", "2:13",
     "yes"),
    ("FROM a\nCOPY --from=$x a b", "variable expansion is not supported for --from", "2:13", "$x"),
    ("FROM a\nCOPY a", "COPY requires at least two arguments, but only one was provided", "2:1",
     "COPY"),
    ("FROM a\nADD", "ADD requires at least two arguments", "2:1", "ADD"),
    ('FROM a\nCOPY ["a"]', "COPY requires at least two arguments", "2:1", "COPY"),
    ("FROM a\nCOPY a <<EOF\nEOF", "COPY cannot accept a heredoc as a destination", "2:8",
     "<<EOF"),
    ("FROM a\nRUN", "RUN requires at least one argument", "2:1", "RUN"),
    ("FROM a\nRUN []", "RUN requires at least one argument", "2:1", "RUN"),
    ("FROM a\nRUN --network=hots x", 'invalid network mode "hots" (did you mean host?)', "2:15",
     "hots"),
    ("FROM a\nRUN --security=inscure x", 'security "inscure" is not valid (did you mean insecure?',
     "2:16", "inscure"),
    ("FROM a\nRUN --mount=type=bnd x", 'unsupported mount type "bnd" (did you mean bind?)',
     "2:13", "type=bnd"),
    ("FROM a\nRUN --mount=type=cache,sharing=lock x", 'unsupported sharing value "lock"', "2:24",
     "sharing=lock"),
    ("FROM a\nRUN --mount=tpye=bind x", "unexpected key 'tpye' in 'tpye=bind' (did you mean type",
     "2:13", "tpye=bind"),
    ("FROM a\nRUN --mount=target x", "invalid field 'target' must be a key=value pair", "2:13",
     "target"),
    ("FROM a\nRUN --mount=from=$x,target=/y x", "'from' doesn't support variable expansion",
     "2:13", "from=$x"),
    ("FROM a\nCMD [1]", "when using JSON array syntax, arrays must be comprised of strings only",
     "2:1", "CMD"),
    ("FROM a\nENV", "ENV requires at least one argument", "2:1", "ENV"),
    ("FROM a\nENV a", "ENV must have two arguments", "2:1", "ENV"),
    ("FROM a\nENV a=b c", "Syntax error - can't find = in \"c\"", "2:1", "ENV"),
    ("FROM a\nLABEL =b", "LABEL names can not be blank", "2:1", "LABEL"),
    ("FROM a\nARG", "ARG requires at least one argument", "2:1", "ARG"),
    ("FROM a\nARG =b", "ARG names can not be blank", "2:5", "=b"),
    ("FROM a\nEXPOSE", "EXPOSE requires at least one argument", "2:1", "EXPOSE"),
    ("FROM a\nUSER", "USER requires exactly one argument", "2:1", "USER"),
    ("FROM a\nWORKDIR", "WORKDIR requires exactly one argument", "2:1", "WORKDIR"),
    ("FROM a\nSTOPSIGNAL", "STOPSIGNAL requires exactly one argument", "2:1", "STOPSIGNAL"),
    ("FROM a\nVOLUME", "VOLUME requires at least one argument", "2:1", "VOLUME"),
    ('FROM a\nVOLUME ["a", ""]', "VOLUME specified can not be an empty string", "2:1", "VOLUME"),
    ("FROM a\nSHELL sh -c", "SHELL requires the arguments to be in JSON form", "2:1", "SHELL"),
    ("FROM a\nSHELL []", "SHELL requires at least one argument", "2:1", "SHELL"),
    ("FROM a\nHEALTHCHECK", "HEALTHCHECK requires at least one argument", "2:1", "HEALTHCHECK"),
    ("FROM a\nHEALTHCHECK RUN x", 'Unknown type "RUN" in HEALTHCHECK (try CMD)', "2:1",
     "HEALTHCHECK"),
    ("FROM a\nHEALTHCHECK --intervall=1s CMD x", "unknown flag: --intervall (did you mean --inte",
     "2:13", "--intervall"),
    ("FROM a\nONBUILD", "ONBUILD requires at least one argument", "2:1", "ONBUILD"),
    ("FROM a\nONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger", "2:1", "ONBUILD"),
    ("FROM a\nONBUILD ONBUILD RUN x", "Chaining ONBUILD via", "2:1", "ONBUILD"),
    ("FROM a\nONBUILD RUNN x", "unknown instruction: RUNN (did you mean RUN?)", "2:9", "RUNN"),
    ("FROM a\nRUN <<EOF\nx", "unterminated heredoc: no line is 'EOF' alone", "2:5", "<<EOF"),
    ("FROM a\nRUN a \\\n <<EOF\nEOF ", "unterminated heredoc", "3:2", "<<EOF"),
    ("# escape=x\nFROM a", "invalid escape token 'x' does not match ` or \\", "1:1", "#"),
    ("# escape=`\n# escape=`\nFROM a", "only one escape parser directive can be used", "2:1",
     "#"),
    ("FROM a\nRUN a\0b", "a NUL byte", "2:6", "\0"),
    ("FROM a\n\tRUN\tx\n\tFOO", "unknown instruction: FOO", "3:2", "FOO"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message", "where", "marked"), WRONG)
def test_a_mistake_is_shown_where_it_stands(
    text: str, message: str, where: str, marked: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        dockerfile.parse(text.encode(), "My.Dockerfile")
    *context, caret = caught.value.excerpt.split("\n")
    assert caught.value.message.startswith(f"My.Dockerfile:{where}: {message}")
    number, column = map(int, where.split(":"))
    line = text.split("\n")[number - 1]
    assert line[column - 1 :].startswith(marked)
    shown = context[-1].partition(" | ")[2]
    assert context[-1].partition(" | ")[0].strip() == str(number)
    assert shown == line.replace("\0", "\ufffd").rstrip()
    below = caret.partition(" | ")[2]
    assert below.lstrip() == "^" * len(marked)
    assert len(below) - len(below.lstrip()) == column - 1


def test_bytes_that_are_no_text_are_refused_but_in_comments() -> None:
    with pytest.raises(InvalidArgument, match="^Dockerfile:3:7: not UTF-8$") as caught:
        dockerfile.parse(b"FROM a\n# \xff\nRUN a\\\xe9\n")
    assert caught.value.excerpt.startswith("  2 | # \ufffd\n  3 | RUN a\\\ufffd\n")
    with pytest.raises(InvalidArgument, match="it is UTF-16"):
        dockerfile.parse("FROM a".encode("utf-16"))
    found = dockerfile.parse(b"FROM a\nRUN a \\\n# \xff\0\n b\n# \xff")
    assert found.instructions[1].text == "RUN a  b"


def test_files_without_instructions() -> None:
    with pytest.raises(InvalidArgument, match="the Dockerfile cannot be empty"):
        parse("")
    with pytest.raises(InvalidArgument, match="file with no instructions"):
        parse("# nothing", "", " \\")
    with pytest.raises(InvalidArgument, match="dockerfile contains no stages to build"):
        parse("ARG a")
    with pytest.raises(InvalidArgument, match="larger than 4 MiB"):
        dockerfile.parse(b"FROM a\n" * 1_000_000)


def test_a_long_line_is_shown_around_the_mistake() -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse("FROM a", f"RUN {'--mount=type=tmpfs,target=/a ' * 100}--mount=type=temp x")
    assert all(len(line) < 140 for line in caught.value.excerpt.split("\n"))
    assert "type=temp x" in caught.value.excerpt


@pytest.mark.parametrize(
    "text",
    [
        "RUN echo hi\n" * 100_000,
        "COPY --chown=1:1 a b c/\n" * 50_000,
        'ENV A="b c" D=e\n' * 50_000,
        "# a comment\n" * 300_000,
        "RUN x" + " \\\n a" * 300_000,
        "RUN <<EOF\n" + "text\n" * 300_000 + "EOF",
        "RUN <<EOF\nEOF\n" * 20_000,
        "RUN " + "x " * 1_000_000,
        "RUN " + "<<A " * 50_000,
        "RUN " + "--mount=type=tmpfs,target=/a " * 20_000 + "x",
        "RUN --mount='" + "x\\\\" * 200_000,
        "CMD " + "[" * 1_000_000,
        "CMD [" + '"x",' * 400_000 + '"x"]',
        "ENV " + "A=b\\ c " * 100_000,
        "ENV A=" + "${a:-" * 100_000,
        "RUN <<" + "${a:-" * 100_000,
        "ONBUILD " * 100_000,
        "RUN \0" * 500_000,
        "RUN\x85" * 500_000,
        " \\\n" * 500_000,
        "FROM a AS " + "b" * 1_000_000,
        "F" * 1_000_000,
    ],
    ids=lambda text: f"{text[:12]!r}...",
)  # fmt: skip
def test_huge_files_take_no_longer_than_their_size(text: str) -> None:
    before = time.process_time()
    try:
        dockerfile.parse(f"FROM a\n{text}".encode())
    except InvalidArgument as error:
        assert len(error.message) < 1000
        assert len(error.excerpt) < 1000
    assert time.process_time() - before < 5


def test_reading_imports_nothing_that_a_cached_build_would_wait_for() -> None:
    source = Path(__file__).parents[3] / "src"
    program = f"""
import sys
sys.path.insert(0, {str(source)!r})
from cuddy.builder import dockerfile
dockerfile.parse(open({str(CASES[0].with_name("instructions.Dockerfile"))!r}, "rb").read())
print(*sys.modules)
"""
    command = [sys.executable, "-I", "-S", "-c", program]
    loaded = set(subprocess.check_output(command, text=True).split())
    costly = {"re", "enum", "json", "typing", "functools", "collections", "dataclasses", "signal"}
    assert loaded & costly == set()
    assert "cuddy.builder.lint" not in loaded


def test_a_trigger_of_a_base_stands_where_the_stage_begins() -> None:
    place = Place(7, 7)
    copy = dockerfile.parse_onbuild("COPY --chown=1 a \\\n b", place)
    assert isinstance(copy, Copy)
    assert (copy.place, copy.sources, copy.chown) == (place, ("a",), "1")
    run = dockerfile.parse_onbuild("RUN <<EOF\nlater\nEOF", place)
    assert isinstance(run, Run)
    assert run.heredocs[0].content == "later\n"
    assert isinstance(dockerfile.parse_onbuild("ENV a=b", place), Change)
    with pytest.raises(InvalidArgument, match="ONBUILD RUNN x, of the base image: unknown instr"):
        dockerfile.parse_onbuild("RUNN x", place)
    with pytest.raises(InvalidArgument, match="should be a single expression"):
        dockerfile.parse_onbuild("RUN x\nRUN y", place)


def test_a_trigger_kept_in_the_config_is_read_again_as_it_was() -> None:
    found = parse("FROM a", "ONBUILD RUN <<-EOF", "\tlater", "\tEOF")
    trigger = found.instructions[1]
    assert isinstance(trigger, Change)
    run = dockerfile.parse_onbuild(trigger.rest, trigger.place)
    assert isinstance(run, Run)
    assert (run.heredocs[0].content, run.text) == ("later\n", "RUN <<-EOF")
