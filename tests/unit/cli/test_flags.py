"""Flags are read by pflag's rules. What docker says was taken from docker 28.2.2."""

from __future__ import annotations

import pytest

from cuddy.cli import flags
from cuddy.cli.flags import BOOL, BYTES, INT, LIST, STRING, Command, Flag
from cuddy.errors import UsageError, WrongArguments

TABLE = (
    Flag("detach", "d", BOOL, "Run in background"),
    Flag("env", "e", LIST, "Set environment variables"),
    Flag("interactive", "i", BOOL, "Keep STDIN open"),
    Flag("memory", "m", BYTES, "Memory limit"),
    Flag("name", "", STRING, "Assign a name"),
    Flag("network", "", STRING, "Connect to a network", aliases=("net",)),
    Flag("rm", "", BOOL, "Remove when it exits", into="auto_remove"),
    Flag("sig-proxy", "", BOOL, "Proxy signals", True),
    Flag("time", "t", INT, "Seconds"),
)


def read(*words: str, interspersed: bool = False) -> flags.Args:
    return flags.parse(TABLE, list(words), "cuddy run", interspersed=interspersed)


def refusal(*words: str) -> str:
    with pytest.raises(UsageError) as caught:
        read(*words)
    assert caught.value.exit_code == 125
    return caught.value.message


@pytest.mark.parametrize(
    "words",
    [
        ("-e", "A=1"), ("-eA=1",), ("-e=A=1",), ("--env", "A=1"), ("--env=A=1",),
        ("-ieA=1",), ("-ie", "A=1"), ("-ide=A=1",),
    ],
)  # fmt: skip
def test_a_value_may_be_glued_equated_or_follow(words: tuple[str, ...]) -> None:
    assert read(*words).env == ("A=1",)


def test_short_switches_may_be_joined() -> None:
    args = read("-id", "image")
    assert (args.interactive, args.detach, args.names) == (True, True, ["image"])


@pytest.mark.parametrize(("word", "value"), [("false", False), ("F", False), ("1", True)])
def test_a_switch_takes_a_value_only_after_an_equals_sign(word: str, value: bool) -> None:
    assert read(f"--detach={word}", "image").detach is value
    assert read("--detach", word).names == [word]
    assert read(f"-d={word}").detach is value


def test_flags_after_the_image_belong_to_the_command() -> None:
    args = read("-i", "image", "ls", "-d", "--name", "x")
    assert args.names == ["image", "ls", "-d", "--name", "x"]
    assert not args.detach


def test_flags_may_follow_arguments_where_there_is_no_inner_command() -> None:
    args = read("one", "-d", "two", interspersed=True)
    assert args.names == ["one", "two"]
    assert args.detach


def test_two_dashes_end_the_flags() -> None:
    assert read("-d", "--", "-i", interspersed=True).names == ["-i"]
    assert read("-d", "--", "-i", interspersed=True).interactive is False


def test_one_dash_is_an_argument() -> None:
    assert read("-").names == ["-"]


def test_a_repeated_list_grows_and_anything_else_is_replaced() -> None:
    args = read("-e", "A=1", "-e", "B=2", "--name", "x", "--name=y", "image")
    assert args.env == ("A=1", "B=2")
    assert args.name == "y"


def test_a_value_may_look_like_a_flag() -> None:
    assert read("--name", "--rm").name == "--rm"
    assert read("-e", "-x").env == ("-x",)


def test_unset_flags_have_their_kinds_zero_and_are_not_given() -> None:
    args = read("image")
    assert (args.env, args.memory, args.name, args.detach, args.sig_proxy) == (
        (),
        None,
        "",
        False,
        True,
    )
    assert args.given == set()
    assert read("--sig-proxy=false").given == {"sig_proxy"}


def test_an_alias_and_another_attribute_name_lead_to_one_value() -> None:
    assert read("--net", "host").network == "host"
    assert read("--rm").auto_remove is True


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--xyz",), "unknown flag: --xyz"),
        (("-y",), "unknown shorthand flag: 'y' in -y"),
        (("-iyd",), "unknown shorthand flag: 'y' in -yd"),
        (("--memory",), "flag needs an argument: --memory"),
        (("-m",), "flag needs an argument: 'm' in -m"),
        (("-im",), "flag needs an argument: 'm' in -m"),
        (("--=x",), "bad flag syntax: --=x"),
        (("---x",), "bad flag syntax: ---x"),
        (
            ("--detach=maybe",),
            'invalid argument "maybe" for "-d, --detach" flag: '
            'strconv.ParseBool: parsing "maybe": invalid syntax',
        ),
        (("-m", "5q"), 'invalid argument "5q" for "-m, --memory" flag: invalid suffix: \'q\''),
        (
            ("--rm=", "x"),
            'invalid argument "" for "--rm" flag: strconv.ParseBool: parsing "": invalid syntax',
        ),
        (
            ("-t", "x"),
            'invalid argument "x" for "-t, --time" flag: '
            'strconv.ParseInt: parsing "x": invalid syntax',
        ),
    ],
)
def test_mistakes_are_told_in_dockers_words(words: tuple[str, ...], message: str) -> None:
    assert refusal(*words) == message


def test_a_mistyped_flag_gets_a_suggestion() -> None:
    with pytest.raises(UsageError) as caught:
        read("--memroy", "1g")
    assert caught.value.hint == "did you mean --memory? see 'cuddy run --help'"


def test_help_stops_the_reading() -> None:
    assert read("--help", "--xyz").wants_help
    assert read("-h").wants_help
    with pytest.raises(UsageError):
        read("--xyz", "--help")


def command(least: int, most: int | None) -> Command:
    return Command("Do it", lambda home, args: 0, "ARG...", TABLE, least=least, most=most)


@pytest.mark.parametrize(
    ("least", "most", "words", "message"),
    [
        (1, None, [], "'cuddy x' requires at least 1 argument"),
        (2, None, ["a"], "'cuddy x' requires at least 2 arguments"),
        (1, 1, [], "'cuddy x' requires 1 argument"),
        (1, 1, ["a", "b"], "'cuddy x' requires 1 argument"),
        (0, 0, ["a"], "'cuddy x' accepts no arguments"),
        (0, 1, ["a", "b"], "'cuddy x' requires at most 1 argument"),
    ],
)
def test_the_number_of_arguments_is_checked(
    least: int, most: int | None, words: list[str], message: str
) -> None:
    with pytest.raises(WrongArguments) as caught:
        flags.parse_command(command(least, most), words, "cuddy x")
    assert caught.value.message == message
    assert caught.value.hint == "usage: cuddy x [OPTIONS] ARG..."
    assert caught.value.exit_code == 1


def test_help_needs_no_arguments() -> None:
    assert flags.parse_command(command(1, None), ["--help"], "cuddy x").wants_help
