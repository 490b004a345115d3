"""ARG and ENV: what variables mean where (Dockerfile reference, "ARG")."""

from __future__ import annotations

import pytest

from cuddy.builder import arguments
from cuddy.builder.arguments import Scope
from cuddy.builder.instructions import Arg, Place
from cuddy.errors import InvalidArgument
from cuddy.image.changes import Own
from cuddy.image.platform import Platform

HERE = Place(1, 1)


def arg(*pairs: tuple[str, str | None]) -> Arg:
    return Arg(HERE, "", pairs)


def declared(scope: Scope, *args: Arg, environment: tuple[str, ...] = ()) -> dict[str, str]:
    own = Own({"Env": list(environment)})
    for each in args:
        scope.declare(each, own, "\\")
    values = scope.values(own)
    return {name: values.get(name) or "" for name in (*scope.declared, *own.places)}


def test_an_argument_without_a_value_is_not_set() -> None:
    assert declared(Scope({}, {}, {}), arg(("A", None))) == {}


def test_what_the_user_gives_is_worth_more_than_the_default() -> None:
    scope = Scope({"A": "given"}, {}, {})
    assert declared(scope, arg(("A", "usual"), ("B", "usual"))) == {"A": "given", "B": "usual"}


def test_what_is_not_declared_is_not_seen() -> None:
    assert declared(Scope({"A": "given"}, {"B": "global"}, {})) == {}


def test_a_global_argument_is_seen_once_it_is_declared() -> None:
    assert declared(Scope({}, {"B": "global"}, {}), arg(("B", None))) == {"B": "global"}


def test_a_default_may_use_what_stands_above() -> None:
    scope = Scope({}, {}, {})
    assert declared(scope, arg(("A", "1")), arg(("B", "${A}2")))["B"] == "12"


def test_of_a_variable_and_an_argument_the_lower_one_counts() -> None:
    """As in BuildKit; docker's classic builder always took the variable."""
    scope, own = Scope({"A": "given"}, {}, {"B": "theirs"}), Own({"Env": ["A=env", "B=env"]})
    scope.declare(arg(("B", None)), own, "\\")
    assert (scope.values(own).get("B"), scope.effective(own)) == ("env", {})
    scope.declare(arg(("A", None)), own, "\\")
    assert (scope.values(own).get("A"), scope.effective(own)) == ("given", {"A": "given"})
    own.put("A", "below")
    assert (scope.values(own).get("A"), scope.effective(own)) == ("below", {})


def test_a_stage_inherits_the_arguments_of_the_stage_it_is_based_on() -> None:
    assert declared(Scope({}, {}, {"A": "theirs"})) == {"A": "theirs"}


def test_proxies_are_for_run_without_being_declared() -> None:
    scope = Scope({"http_proxy": "http://p", "A": "1"}, {}, {})
    assert scope.proxies() == {"http_proxy": "http://p"}
    assert declared(scope) == {}


def test_global_arguments_see_those_above_and_the_platform() -> None:
    automatic = arguments.of_platforms(
        Platform("linux", "amd64"), Platform("linux", "arm", "v7"), ""
    )
    found = [arg(("A", "x-$TARGETARCH")), arg(("B", "$A")), arg(("TARGETVARIANT", None))]
    values, own = arguments.of_globals(found, {}, automatic, "\\")
    assert own == {"A": "x-arm", "B": "x-arm", "TARGETVARIANT": "v7"}
    assert values["BUILDPLATFORM"] == "linux/amd64"
    assert values["TARGETPLATFORM"] == "linux/arm/v7"


def test_what_nobody_asked_for_is_told() -> None:
    given = {"A": "", "B": "", "HTTP_PROXY": "", "BUILDKIT_INLINE_CACHE": "1"}
    assert arguments.unused(given, ["A"]) == ["B"]


def test_an_argument_needs_a_name() -> None:
    assert arguments.parse(["A=1", "A=2", "B", "C=x=y"]) == {"A": "2", "C": "x=y"}
    with pytest.raises(InvalidArgument):
        arguments.parse(["=1"])


def test_a_timestamp_is_an_argument_and_an_argument_may_be_one() -> None:
    assert arguments.date({}, None) == ({}, None)
    assert arguments.date({"A": "1"}, 0) == ({"A": "1", arguments.EPOCH: "0"}, 0)
    assert arguments.date({arguments.EPOCH: "7"}, None) == ({arguments.EPOCH: "7"}, 7)
    assert arguments.date({arguments.EPOCH: "7"}, 9) == ({arguments.EPOCH: "7"}, 9)
    assert arguments.date({arguments.EPOCH: ""}, None)[1] is None
    for text in ("yesterday", "-1", "1.5", "9" * 20):
        with pytest.raises(InvalidArgument, match=f"invalid {arguments.EPOCH}"):
            arguments.date({arguments.EPOCH: text}, None)
