"""--log-driver and --log-opt: what is refused, and what is made of the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cuddy.engine import logoptions
from cuddy.engine.logfile import Limits
from cuddy.errors import InvalidArgument

RECORD: Any = {
    "Id": "ab" * 32,
    "Name": "/web",
    "Image": "sha256:" + "12" * 32,
    "Config": {
        "Image": "nginx:1",
        "Labels": {"site": "a", "stage": "b", "x": "c"},
        "Env": ["A=1", "AB=2=3", "C"],
    },
}


def config(*words: str, driver: str = "") -> dict[str, Any]:
    return logoptions.log_config(driver, words)


def test_what_is_given_is_recorded_as_docker_records_it() -> None:
    assert config() == {"Type": "json-file", "Config": {}}
    assert config("tag=a=b", "labels=x,y", driver="journald") == {
        "Type": "journald",
        "Config": {"tag": "a=b", "labels": "x,y"},
    }


@pytest.mark.parametrize(
    ("driver", "words", "message"),
    [
        ("syslog", [], 'error looking up logging plugin syslog: plugin "syslog" not found'),
        ("json-file", ["max=1"], "unknown log opt 'max' for json-file log driver"),
        ("local", ["path=/"], "unknown log opt 'path' for log driver local"),
        ("journald", ["max-file=1"], "unknown log opt 'max-file' for journald log driver"),
        ("none", ["tag=x"], "invalid logging opts for driver none"),
        ("", ["max-size=0"], "max-size must be a positive number"),
        ("", ["max-size=-5"], "invalid size: '-5'"),
        ("", ["max-size=ten"], "invalid size: 'ten'"),
        ("", ["max-size=1x"], "invalid size: '1x'"),
        ("", ["max-size="], "invalid size: ''"),
        ("", ["max-size=1_0"], "invalid size: '1_0'"),
        ("", [f"max-size={'9' * 400}"], "invalid size: '999"),
        ("", ["max-file=0"], "max-file cannot be less than 1"),
        ("", ["max-file=1.5"], "max-file cannot be less than 1"),
        ("", ["max-file=²"], "max-file cannot be less than 1"),
        ("", ["compress=maybe"], "compress"),
        ("", ["compress=true", "max-file=1"], "compress cannot be true"),
        ("", ["compress=true", "max-size=-1"], "compress cannot be true"),
        ("", ["mode=fast"], "logger: logging mode not supported: fast"),
        ("", ["max-buffer-size=1m"], "only supported with 'mode=non-blocking'"),
        ("", ["mode=non-blocking", "max-buffer-size=x"], "invalid size"),
        ("", ["labels-regex=("], "error parsing regexp"),
        ("", ["env-regex=*"], "error parsing regexp"),
        ("", ["tag={{.Nope}}"], "log opt tag"),
        ("", ["tag={{.ID"], "log opt tag"),
        ("", ["tag={{ID}}"], "log opt tag"),
    ],
)
def test_what_makes_no_sense_is_refused(driver: str, words: list[str], message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        config(*words, driver=driver)
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("driver", "options", "limits"),
    [
        ("json-file", {}, Limits(10_000_000, 3, False)),
        ("local", {}, Limits(20 << 20, 5, True)),
        ("json-file", {"max-size": "10m"}, Limits(10_000_000, 3, False)),
        ("json-file", {"max-size": "1.5kb", "max-file": "7"}, Limits(1500, 7, False)),
        ("json-file", {"max-size": "2GiB", "compress": "true"}, Limits(2 * 10**9, 3, True)),
        ("json-file", {"max-size": "512"}, Limits(512, 3, False)),
        ("json-file", {"max-size": "-1"}, Limits(-1, 3, False)),
        ("local", {"compress": "F"}, Limits(20 << 20, 5, False)),
    ],
)
def test_sizes_and_counts_are_dockers(driver: str, options: dict[str, str], limits: Limits) -> None:
    assert logoptions.limits(driver, options) == limits


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, {}),
        ({"labels": "site,none"}, {"site": "a"}),
        ({"labels-regex": "^s"}, {"site": "a", "stage": "b"}),
        ({"env": "A,AB,C"}, {"A": "1", "AB": "2=3"}),
        ({"env-regex": "B$", "labels": "x"}, {"AB": "2=3", "x": "c"}),
    ],
)
def test_labels_and_variables_are_chosen_by_name_and_by_pattern(
    options: dict[str, str], found: dict[str, str]
) -> None:
    assert logoptions.attributes(RECORD, options) == found


def test_a_tag_is_filled_in() -> None:
    tag = "{{.Name}}/{{ .ID }}-{{.FullID}}|"
    tag += "{{.ImageName}} {{.ImageID}} {{.ImageFullID}}{{.DaemonName}}"
    assert logoptions.expand_tag(tag, RECORD) == (
        f"web/abababababab-{'ab' * 32}|nginx:1 121212121212 sha256:{'12' * 32}cuddy"
    )
    assert logoptions.expand_tag("plain }} text", RECORD) == "plain }} text"


def test_attributes_are_sorted_json() -> None:
    text = logoptions.format_attributes({"b": '"<\n', "a": "ü"})
    assert text == '{"a":"ü","b":"\\"\\u003c\\n"}'
    assert json.loads(text) == {"a": "ü", "b": '"<\n'}
    assert logoptions.format_attributes({}) == ""
