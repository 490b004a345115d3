"""Docker's build checks: each rule finds what it is about, and nothing where that is put right."""

from __future__ import annotations

import pytest

from cuddy.builder import complaints, dockerfile, lint
from cuddy.builder.findings import Finding, Surroundings
from cuddy.errors import InvalidArgument

ALL = lint.Options(experimental=("all",))

RULES = [
    # rule; what it finds fault with; line; words of the message; what is right
    ("StageNameCasing", "FROM a AS Base", 1, "'Base'", "FROM a AS base"),
    ("FromAsCasing", "FROM a as b", 1, "'as' and 'FROM'", "FROM a AS b"),
    ("FromAsCasing", "from a AS b", 1, "'AS' and 'from'", "from a as b"),
    ("NoEmptyContinuation", "FROM a\nRUN b \\\n\n c", 2, "Empty", "FROM a\nRUN b \\\n #\n c"),
    ("ConsistentInstructionCasing", "FROM a\nRun b", 2, "'Run'", "FROM a\nRUN b"),
    ("ConsistentInstructionCasing", "from a\nrun b\nUSER c", 3, "(lowercase)", "from a\nrun b"),
    ("DuplicateStageName", "FROM a AS b\nFROM a AS B", 2, '"b"', "FROM a AS b\nFROM a AS c"),
    ("ReservedStageName", "FROM a AS context", 1, '"context"', "FROM a AS contexts"),
    ("JSONArgsRecommended", "FROM a\nCMD b", 2, "for CMD", 'FROM a\nCMD ["b"]'),
    ("JSONArgsRecommended", "FROM a\nENTRYPOINT b", 2, "for ENTRYPOINT",
     'FROM a\nSHELL ["bash"]\nENTRYPOINT b'),
    ("MaintainerDeprecated", "FROM a\nMAINTAINER b", 2, "deprecated", "FROM a\nLABEL b=c"),
    ("UndefinedArgInFrom", "ARG base\nFROM a$bse", 2, "'bse' is not declared (did you mean base?",
     "ARG base\nFROM a$base"),
    ("UndefinedArgInFrom", "FROM --platform=$x a", 1, "'x'", "FROM --platform=$BUILDPLATFORM a"),
    ("WorkdirRelativePath", "FROM a\nWORKDIR b", 2, '"b"', "FROM a\nWORKDIR /b\nWORKDIR c"),
    ("WorkdirRelativePath", "FROM a\nENV x=b\nWORKDIR $x", 3, '"b"', "FROM a\nWORKDIR $home"),
    ("UndefinedVar", "FROM scratch\nCOPY $fo .", 2, "'$fo'", "FROM scratch\nARG fo\nCOPY $fo ."),
    ("UndefinedVar", "FROM scratch\nENV a=$PAHT", 2, "(did you mean $PATH?)",
     "FROM scratch\nENV a=$PATH"),
    ("UndefinedVar", "FROM scratch\nRUN --mount=target=$x y", 2, "'$x'", "FROM a\nUSER $x"),
    ("UndefinedVar", "FROM scratch AS a\nARG b=1\nFROM a\nCOPY <<E /x\n$c$b\nE", 4, "'$c'",
     "FROM scratch\nCOPY <<'E' /x\n$c\nE"),
    ("MultipleInstructionsDisallowed", 'FROM a\nCMD ["b"]\nCMD ["c"]', 2, "Multiple CMD",
     'FROM a\nCMD ["b"]\nFROM c\nCMD ["d"]'),
    ("LegacyKeyValueFormat", "FROM a\nENV b c", 2, '"ENV key=value"', "FROM a\nENV b=c"),
    ("LegacyKeyValueFormat", "FROM a\nLABEL b c", 2, '"LABEL key=value"', "FROM a\nLABEL b=c"),
    ("RedundantTargetPlatform", "FROM --platform=$TARGETPLATFORM a", 1, "$TARGETPLATFORM",
     "FROM --platform=$BUILDPLATFORM a"),
    ("SecretsUsedInArgOrEnv", "FROM a\nENV API_KEY=b", 2, 'ENV "API_KEY"', "FROM a\nENV KEYS=b"),
    ("SecretsUsedInArgOrEnv", "FROM a\nARG token", 2, 'ARG "token"', "FROM a\nARG token_file"),
    ("InvalidDefaultArgInFrom", "ARG tag\nFROM a:$tag", 2, "a:$tag", "ARG tag=1\nFROM a:$tag"),
    ("InvalidDefaultArgInFrom", "ARG base\nFROM $base", 2, "$base", "ARG base=x\nFROM $base"),
    ("FromPlatformFlagConstDisallowed", "FROM --platform=linux/arm64 a", 1, '"linux/arm64"',
     "FROM --platform=linux/arm64 a AS for-arm64"),
    ("CopyIgnoredFile", "FROM a\nCOPY ignored b", 2, 'Copy file "ignored"', "FROM a\nCOPY b c"),
    ("CopyIgnoredFile", "FROM a\nADD ignored b", 2, 'Add file "ignored"',
     "FROM a AS b\nCOPY --from=b ignored b"),
    ("InvalidDefinitionDescription", "# words\nFROM a AS b", 2, "`# b <description>`",
     "# b is good\nFROM a AS b"),
    ("InvalidDefinitionDescription", "FROM a\n# words\nARG b=1 c", 3, "`# <arg_key> <desc",
     "FROM a\n# words\n#\nARG b=1 c"),
    ("ExposeProtoCasing", "FROM a\nEXPOSE 80/TCP", 2, "'80/TCP'", "FROM a\nEXPOSE 80/tcp"),
    ("ExposeInvalidFormat", "FROM a\nEXPOSE 8080:80", 2, "'8080:80'", "FROM a\nEXPOSE 80"),
]  # fmt: skip


def findings(text: str, asked: lint.Options | None = ALL) -> list[Finding]:
    around = Surroundings(is_ignored=lambda path: path == "ignored")
    return lint.check(dockerfile.parse(text.encode()), asked, around)


@pytest.mark.parametrize(("rule", "wrong", "line", "message", "right"), RULES)
def test_a_rule_finds_what_it_is_about(
    rule: str, wrong: str, line: int, message: str, right: str
) -> None:
    found = [each for each in findings(wrong) if each.rule == rule]
    assert [each.place.line for each in found] == [line]
    assert message in found[0].message
    assert rule not in [each.rule for each in findings(right)]


def test_variables_of_a_base_are_known_if_someone_knows_them() -> None:
    read = dockerfile.parse(b"FROM a\nCOPY $HOME $HOMES /\n")
    assert lint.check(read) == []
    around = Surroundings(environment=lambda _: {"HOME": "/root"})
    assert [each.short for each in lint.check(read, None, around)] == [
        "UndefinedVar: Usage of undefined variable '$HOMES' (did you mean $HOME?) (line 2)"
    ]


def test_the_file_says_which_rules_it_does_not_want() -> None:
    text = "FROM a\nCMD b\nMAINTAINER c"
    assert [each.rule for each in findings(text, None)] == [
        "JSONArgsRecommended", "MaintainerDeprecated",
    ]  # fmt: skip
    directive = "# check=skip=JSONArgsRecommended, StageNameCasing;error=true\n"
    assert [each.rule for each in findings(directive + text, None)] == ["MaintainerDeprecated"]
    assert findings(f"# check=skip=all\n{text}", None) == []
    above = "FROM a\n# check=skip=JSONArgsRecommended\nCMD b\nENTRYPOINT c"
    assert [each.place.line for each in findings(above, None)] == [4]
    experimental = "# check=experimental=InvalidDefinitionDescription\n# x\nFROM a AS b"
    assert len(findings(experimental, None)) == 1
    assert findings("# x\nFROM a AS b", None) == []


@pytest.mark.parametrize("text", ["x", "skip", "error=maybe", "skip=a;b=c"])
def test_options_that_mean_nothing_are_an_error(text: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid check option"):
        findings(f"# check={text}\nFROM a", None)


def test_options() -> None:
    assert lint.options("") == lint.Options()
    assert lint.options("error=true").is_error
    assert not lint.options("error=0").is_error


def test_a_file_may_make_errors_of_findings() -> None:
    def read(text: str) -> dockerfile.Dockerfile:
        return dockerfile.parse(text.encode())

    around = Surroundings()
    assert complaints.of(read("# check=skip=all;error=true\nFROM a\nCMD b"), {}, around) == []
    [told] = complaints.of(read("FROM a\nCMD b"), {}, around)
    assert told.startswith("JSONArgsRecommended: ")
    strict = read("# check=error=true\nFROM a\nCMD b\nENTRYPOINT b")
    with pytest.raises(InvalidArgument, match="for rules: JSONArgsRecommended$") as caught:
        complaints.of(strict, {}, around)
    assert "   3 | >>> CMD b" in caught.value.excerpt.split("\n")
    with pytest.raises(InvalidArgument, match="invalid check option"):
        complaints.of(read("# check=wrong\nFROM a"), {}, around)
    # A build argument counts in the directive's place.
    assert complaints.of(strict, {complaints.CHECK: "skip=all"}, around) == []


def test_a_finding_is_shown_with_its_lines() -> None:
    read = dockerfile.parse(b"FROM a\nUSER b\n\nCMD a \\\n b\nSTOPSIGNAL 9\n")
    (found,) = lint.check(read)
    assert lint.shown(read, found).split("\n") == [
        "WARNING: JSONArgsRecommended - "
        "https://docs.docker.com/go/dockerfile/rule/json-args-recommended/",
        "JSON arguments recommended for CMD to prevent unintended behavior related to OS signals",
        "",
        "Dockerfile:4",
        "--------------------",
        "   2 |     USER b",
        "   3 |",
        "   4 | >>> CMD a \\",
        "   5 | >>>  b",
        "   6 |     STOPSIGNAL 9",
        "--------------------",
    ]
