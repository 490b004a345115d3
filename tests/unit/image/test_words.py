"""Environment replacement: what BuildKit makes of quotes, escapes and variables."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.errors import InvalidArgument
from cuddy.image import word_patterns, words

VALUES = {
    "A": "one", "EMPTY": "", "TWO": "two words", "FILE": "/src/app.tar.gz", "STARS": "a*b?c",
    "É": "ü", "LINES": "a\nb", "URL": "http://x.org/a/b",
}  # fmt: skip

EXPANDED = [
    # plain, quotes, escapes
    ("", ""),
    ("plain text", "plain text"),
    ("'single $A \\'", "single $A \\"),
    ('"double $A"', "double one"),
    ('"a\\"b\\$A\\\\c\\d"', 'a"b$A\\c\\d'),
    ("a\\ b\\$A\\\\", "a b$A\\"),
    ("end\\", "end"),
    ("it''s \"\"", "its "),
    ("a < b << c", "a < b << c"),
    # names
    ("$A$A", "oneone"),
    ("${A}x", "onex"),
    ("$Ax.$A.x", ".one.x"),
    ("$", "$"),
    ("a$ b$.", "a$ b$."),
    ("$$A", "A"),
    ("$1x$22y", "xy"),
    ("$É", "ü"),
    ("$É{}", "ü{}"),
    ("${A} ${NONE}", "one "),
    ("$@$*$#$?$-$!$0", ""),
    # a value that stands in
    ("${A:-y} ${EMPTY:-y} ${NONE:-y}", "one y y"),
    ("${A-y} ${EMPTY-y} ${NONE-y}", "one  y"),
    ("${A:+y} ${EMPTY:+y} ${NONE:+y}", "y  "),
    ("${A+y} ${EMPTY+y} ${NONE+y}", "y y "),
    ("${A:?e} ${A?e} ${EMPTY?e}", "one one "),
    ("${NONE:-$A} ${NONE:-${NONE2:-$TWO}}", "one two words"),
    ("${NONE:-'a b'} ${NONE:-\"$A\"} ${NONE:-a\\}b}", "a b one a}b"),
    ("${A:+a{b}", "a{b"),
    ("${NONE:-}", ""),
    # parts taken off
    ("${FILE#*/} ${FILE##*/}", "src/app.tar.gz app.tar.gz"),
    ("${FILE%.*} ${FILE%%.*}", "/src/app.tar /src/app"),
    ("${FILE#/src/} ${FILE#nothing} ${FILE%}", "app.tar.gz /src/app.tar.gz /src/app.tar.gz"),
    ("${FILE%.tar.??}", "/src/app"),
    ("${FILE##*} ${FILE%%*}", " "),
    ("${FILE#*} ${FILE%*}", "/src/app.tar.gz /src/app.tar.gz"),
    ("${STARS#a\\*} ${STARS%\\?c} ${STARS##*\\*}", "b?c a*b b?c"),
    ("${A#$A} ${A%$A}", " "),
    ("${A#'o'}${A#\"on\"}", "nee"),
    ("${NONE#x}${EMPTY%x}", ""),
    ("${LINES#a?} ${LINES##*b}", "a\nb a\nb"),
    # parts replaced
    ("${URL/http:/https:}", "https://x.org/a/b".replace("//", "//")),
    ("${URL/\\/\\//:}", "http::x.org/a/b"),
    ("${URL//\\//-}", "http:--x.org-a-b"),
    ("${FILE/.*/}", "/src/app"),
    ("${FILE//./_}", "/src/app_tar_gz"),
    ("${A/?/x} ${A//?/x}", "xne xxx"),
    ("${A//*/x} ${A/nothing/x}", "x one"),
    ("${A///-}", "-o-n-e-"),
    ("${A/$A/$TWO} ${A/o/$NONE}", "two words ne"),
    ("${STARS//\\*/x} ${STARS//\\?/x}", "axb?c a*bxc"),
    ("${STARS//[a]/x} ${STARS/./x}", "a*b?c a*b?c"),
    ("${NONE/a/b}${EMPTY/a/b}", ""),
]


@pytest.mark.parametrize(("text", "wanted"), EXPANDED)
def test_a_word_is_expanded(text: str, wanted: str) -> None:
    assert words.expand(text, VALUES) == wanted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("'a", "unexpected end of statement while looking for matching single-quote"),
        ('"a', "unexpected end of statement while looking for matching double-quote"),
        ("${A", "unsupported modifier () in substitution"),
        ("${", "syntax error: missing '}'"),
        ("${}", "syntax error: bad substitution"),
        ("${:-a}", "syntax error: bad substitution"),
        ("${{A}}", "syntax error: bad substitution"),
        ("${A:-b", "syntax error: missing '}'"),
        ("${A/b}", "syntax error: missing '/' in ${}"),
        ("${A/b/c", "syntax error: missing '}'"),
        ("${A^}", "unsupported modifier (^) in substitution"),
        ("${A[0]}", "unsupported modifier ([) in substitution"),
        ("${A:#b}", "unsupported modifier (:#) in substitution"),
        ("${A:1:2}", "unsupported modifier (:1) in substitution"),
        ("${NONE?}", "NONE: is not allowed to be unset"),
        ("${EMPTY:?}", "EMPTY: is not allowed to be empty"),
        ("${NONE:?must be $A}", "NONE: must be one"),
        ("${A#\\x}", "invalid pattern (\\x) in substitution: invalid escape '\\x'"),
        ("${A:-" * 200, "substitutions are nested too deeply"),
        ('"$LONG"' * 2000, "its variables are worth more than 8388608 characters"),
        ("${LONG//a/" + "b" * 2000 + "}", "invalid pattern (a) in substitution: too much to rep"),
        ("${LONG//*a*b*c*d*e*f*g/x}", "invalid pattern (*a*b*c*d*e*f*g) in substitution: too much"),
    ],
)
def test_what_cannot_be_expanded_says_why(text: str, message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        words.expand(text, VALUES | {"LONG": "a" * 5000})
    assert f": {message}" in caught.value.message
    assert caught.value.message.startswith('failed to process "')


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a  b", ["a", "b"]),
        ("'a  b' c", ["a  b", "c"]),
        ("a\\ b", ["a b"]),
        ("$TWO", ["two", "words"]),
        ('"$TWO"', ["two words"]),
        ("x$TWO.y", ["xtwo", "words.y"]),
        ("$NONE '' \"\"", []),
        ("${NONE:-a b}", ["a", "b"]),
        ("x${NONE:-y}z", ["xyz"]),
    ],
)
def test_a_variable_may_be_several_words(text: str, wanted: list[str]) -> None:
    assert words.expand_all(text, VALUES) == wanted


def test_another_escape() -> None:
    assert words.expand("C:\\dir\\$A `$A", VALUES, "`") == "C:\\dir\\one $A"
    assert words.expand('"a`"b\\"', VALUES, "`") == 'a"b\\'
    assert words.split("a` b c\\ d", "`") == ["a` b", "c\\", "d"]


def test_in_a_heredoc_quotes_are_characters_like_others() -> None:
    text = "it's \"$A\" \\$A \\\\ ${NONE:-'x'}\n"
    assert words.expand_text(text, VALUES) == "it's \"one\" $A \\ 'x'\n"


def test_a_step_is_shown_with_the_variables_that_are_known() -> None:
    text = "RUN echo \"$A\" '$A' \\$A $NONE ${NONE:-x} ${A#o} ${!}"
    assert words.expand_known(text, VALUES) == (
        "RUN echo \"one\" '$A' \\$A $NONE ${NONE:-x} ne ${!}"
    )
    assert words.expand_known("RUN 'a $A", VALUES) == "RUN 'a $A"


def test_variables_without_a_value_are_told() -> None:
    missing: set[str] = set()
    words.expand("$A $B ${C:-$D} ${E#x} ${F/a/b} '$G'", VALUES, missing=missing)
    assert missing == {"B", "C", "D", "E", "F"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a  b\tc", ["a", "b", "c"]),
        ("a='b c' d", ["a='b c'", "d"]),
        ('a="b \\" c" d', ['a="b \\" c"', "d"]),
        ("a='b\\' c", ["a='b\\'", "c"]),
        ("a\\ b", ["a\\ b"]),
        ("a\\", ["a"]),
        ("'' b", ["''", "b"]),
    ],
)
def test_pairs_are_divided_outside_of_quotes(text: str, wanted: list[str]) -> None:
    assert words.split(text) == wanted


PATTERNS = st.text("ab*?.\\[}/\n", max_size=8)


def as_regex(pattern: str, most: bool) -> str | None:
    """What BuildKit makes of a pattern; None if that is an error."""
    star, found = ".*" if most else ".*?", ""
    tokens = iter(pattern)
    for token in tokens:
        if token == "*":
            found += star
        elif token == "?":
            found += "."
        elif token == "\\":
            escaped = next(tokens, "")
            if not escaped or escaped not in "*?\\}/":
                return None
            found += re.escape(escaped)
        else:
            found += re.escape(token)
    return found


@given(PATTERNS, st.text("ab*?.\\[}/\n", max_size=12), st.booleans())
def test_what_is_taken_off_the_start_is_what_a_regular_expression_finds(
    pattern: str, value: str, most: bool
) -> None:
    regex = as_regex(pattern, most)
    word = "#" + pattern if most else pattern
    if regex is None:
        with pytest.raises(ValueError, match="invalid escape"):
            word_patterns.trim(value, "#", word)
        return
    match = re.match(regex, value)
    assert word_patterns.trim(value, "#", word) == (value[match.end() :] if match else value)


@given(PATTERNS, st.text("ab*?.\\[}/\n", max_size=12), st.booleans())
def test_what_is_taken_off_the_end_is_the_least_or_the_most_that_matches(
    pattern: str, value: str, most: bool
) -> None:
    regex = as_regex(pattern, most)
    if regex is None:
        return
    starts = [at for at in range(len(value) + 1) if re.fullmatch(regex, value[at:])]
    wanted = value[: (min if most else max)(starts)] if starts else value
    assert word_patterns.trim(value, "%", "%" + pattern if most else pattern) == wanted


@given(PATTERNS, st.text("ab*?.\\[}/\n", max_size=12), st.booleans())
def test_what_is_replaced_is_what_a_regular_expression_finds(
    pattern: str, value: str, everywhere: bool
) -> None:
    regex = as_regex(pattern, most=True)
    if regex is None:
        return
    matches = list(re.finditer(regex, value))
    # Python counts an empty match right after another one, Go does not.
    ends = {match.end() for match in matches if match.end() > match.start()}
    matches = [each for each in matches if each[0] or each.start() not in ends]
    result, position = "", 0
    for match in matches if everywhere else matches[:1]:
        result += value[position : match.start()] + "<>"
        position = match.end()
    assert word_patterns.replace(value, pattern, "<>", everywhere) == result + value[position:]


@given(st.text("aA_0$\"'\\{}:-+?#%/*<> \n`é", max_size=40))
def test_any_text_is_expanded_or_an_error(text: str) -> None:
    for escape in "\\`":
        for expand in (words.expand, words.expand_all):
            try:
                expand(text, VALUES, escape)
            except InvalidArgument as error:
                assert error.message.startswith("failed to process")
        words.expand_known(text, VALUES, escape)
        words.split(text, escape)
    words.divide(text)
