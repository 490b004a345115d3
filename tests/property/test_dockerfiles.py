"""Any bytes are a Dockerfile or an error that says where; what is read from one is what it says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cuddy.builder import dockerfile, heredoc, lint
from cuddy.builder.dockerfile import Dockerfile
from cuddy.builder.instructions import Run
from cuddy.builder.statements import Statement
from cuddy.errors import InvalidArgument

WORDS = st.sampled_from(
    [
        *dockerfile.grammar.READERS, "from", "As", "scratch", "base", "$A", "${A:-b}", "${A#",
        "a=b", "A", "=", '"a b"', "'", '"', "[", ']', '["a"]', '["a", "b"]', "[1]", "{}", "\\", "`",
        "#", "--from=base",
        "--mount=type=cache,target=/x", "--mount=type=", "--link", "--link=x", "--",
        "--network=none", "--interval=1s", "<<EOF", "<<-EOF", "<<'EOF'", "EOF", "<<", "/x",
        "80/tcp", "CMD", "NONE", "# check=skip=all", "# escape=`", "#syntax=x", "é", "\xa0",
        "\x85", "\x1c",
    ]
)  # fmt: skip
SPACES = st.sampled_from([" ", " ", "  ", "\t", "\n", "\n", " \\\n", "\\\n\n", "`\n", "\r\n", "\f"])
PIECES = st.lists(st.one_of(WORDS, SPACES), max_size=30).map(" ".join)
TEXTS = st.one_of(PIECES, PIECES.map(lambda text: f"FROM base AS base\n{text}\nEOF\n"))


def parse(data: bytes) -> Dockerfile | None:
    try:
        return dockerfile.parse(data, "name")
    except InvalidArgument as error:
        assert error.message.startswith("name: ") or error.message.startswith("name:")
        assert "\n" not in error.message
        assert len(error.message) < 400
        assert all(len(line) < 400 for line in error.excerpt.split("\n"))
        return None


@given(TEXTS)
def test_any_text_is_read_or_an_error(text: str) -> None:
    found = parse(text.encode())
    if found is None:
        return
    assert len(found.instructions) == len(found.statements)
    after = 0
    for instruction, statement in zip(found.instructions, found.statements):
        assert after < instruction.place.line <= instruction.place.last_line <= len(found.lines)
        after = instruction.place.last_line
        assert "\n" not in instruction.text
        assert found.lines[instruction.place.line - 1].strip()
        if isinstance(instruction, Run):
            argv, _ = heredoc.command(instruction, ["/bin/sh", "-c"])
            assert argv
        assert again(found, statement) == instruction._replace(place=statement.place)


def again(found: Dockerfile, statement: Statement) -> object:
    """What is read from an instruction's own lines, in a file by themselves."""
    lines = found.lines[statement.place.line - 1 : statement.place.last_line]
    text = "\n".join([f"# escape={found.escape}", "FROM x", *lines, ""])
    only = dockerfile.parse(text.encode()).instructions[1]
    return only._replace(place=statement.place)


@given(TEXTS)
def test_any_file_can_be_checked(text: str) -> None:
    found = parse(text.encode())
    if found is None:
        return
    for finding in lint.check(found, lint.Options(experimental=("all",))):
        assert 0 < finding.place.line <= len(found.lines)
        assert lint.shown(found, finding)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_an_error(data: bytes) -> None:
    parse(data)
    parse(b"FROM a\nRUN " + data)


@given(PIECES)
def test_any_trigger_is_read_or_an_error(text: str) -> None:
    try:
        found = dockerfile.parse_onbuild(text, dockerfile.Place(1, 1))
    except InvalidArgument as error:
        assert error.message.startswith("ONBUILD ")
    else:
        assert found.place == (1, 1)
