"""Instructions of `--change`: what dockerd made of the same words, recorded from it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.errors import InvalidArgument
from cuddy.image import changes

BEFORE: Any = {"Env": ["A=1"], "Cmd": ["run"], "Labels": {"x": "y"}}


def apply(*texts: str) -> dict[str, Any]:
    """What of the config is another after the changes."""
    after = changes.apply(BEFORE, texts)
    keys = {**BEFORE, **after}
    return {key: after.get(key) for key in keys if after.get(key) != BEFORE.get(key)}  # type: ignore


ACCEPTED: list[tuple[str, dict[str, Any]]] = [
    ("CMD", {"Cmd": ["/bin/sh", "-c"]}),
    ("CMD []", {"Cmd": []}),
    ('cmd  echo   "a  b"', {"Cmd": ["/bin/sh", "-c", 'echo   "a  b"']}),
    ('CMD ["a", "b"', {"Cmd": ["/bin/sh", "-c", '["a", "b"']}),
    ("CMD ['a']", {"Cmd": ["/bin/sh", "-c", "['a']"]}),
    ('CMD ["a","$A"]', {"Cmd": ["a", "$A"]}),
    ("CMD a \\\n b", {"Cmd": ["/bin/sh", "-c", "a  b"]}),
    ('ENTRYPOINT ["x"]', {"Entrypoint": ["x"], "Cmd": None}),
    ("ENTRYPOINT sh -c", {"Entrypoint": ["/bin/sh", "-c", "sh -c"], "Cmd": None}),
    ('CMD b\nENTRYPOINT ["x"]', {"Entrypoint": ["x"], "Cmd": ["/bin/sh", "-c", "b"]}),
    ("ENV A b c", {"Env": ["A=b c"]}),
    ('ENV A="b c" D=e\\ f', {"Env": ["A=b c", "D=e f"]}),
    (
        "ENV A=${A:-x} B=${Z:-y} C=${A:+z} D=\\$A E='$A' F=\"$A\"",
        {"Env": ["A=1", "B=y", "C=z", "D=$A", "E=$A", "F=1"]},
    ),
    ('ENV A ${Z:-"q q"}', {"Env": ["A=q q"]}),
    ("ENV PATH=$PATH:/x", {"Env": ["A=1", "PATH=:/x"]}),
    ("ENV A=2 B=$A", {"Env": ["A=2", "B=1"]}),
    ("ENV A=2\nENV B=$A", {"Env": ["A=2", "B=2"]}),
    ("ENV A=", {"Env": ["A="]}),
    ("LABEL a=", {"Labels": {"x": "y", "a": ""}}),
    ('LABEL a=b "c d"="e f"', {"Labels": {"x": "y", "a": "b", "c d": "e f"}}),
    ("LABEL a=$A", {"Labels": {"x": "y", "a": "1"}}),
    ("USER a b", {"User": "a b"}),
    ("USER $A", {"User": "1"}),
    ('USER "quoted"', {"User": "quoted"}),
    ("WORKDIR rel", {"WorkingDir": "/rel"}),
    ("WORKDIR /a b", {"WorkingDir": "/a b"}),
    ('WORKDIR "/a"', {"WorkingDir": "/a"}),
    ("WORKDIR /a\nWORKDIR ../b/./c", {"WorkingDir": "/b/c"}),
    ("VOLUME /a /b", {"Volumes": {"/a": {}, "/b": {}}}),
    ('VOLUME ["/a","/b c"]', {"Volumes": {"/a": {}, "/b c": {}}}),
    ("EXPOSE 8080:80", {"ExposedPorts": {"80/tcp": {}}}),
    ("EXPOSE 0", {"ExposedPorts": {"0/tcp": {}}}),
    ("EXPOSE $A", {"ExposedPorts": {"1/tcp": {}}}),
    (
        "EXPOSE 80/tcp 80/udp 53/UDP",
        {"ExposedPorts": {"80/tcp": {}, "80/udp": {}, "53/udp": {}}},
    ),
    ("EXPOSE 90-91/udp", {"ExposedPorts": {"90/udp": {}, "91/udp": {}}}),
    ('ENV P="80 81"\nEXPOSE $P', {"Env": ["A=1", "P=80 81"],
                                  "ExposedPorts": {"80/tcp": {}, "81/tcp": {}}}),
    ("STOPSIGNAL SIGRTMIN+3", {"StopSignal": "SIGRTMIN+3"}),
    ("STOPSIGNAL 9", {"StopSignal": "9"}),
    ("STOPSIGNAL term", {"StopSignal": "term"}),
    ("ONBUILD   run   echo hi", {"OnBuild": ["run   echo hi"]}),
    ("ONBUILD COPY --chown=1 a b", {"OnBuild": ["COPY --chown=1 a b"]}),
    ("HEALTHCHECK NONE", {"Healthcheck": {"Test": ["NONE"]}}),
    ("HEALTHCHECK CMD true", {"Healthcheck": {"Test": ["CMD-SHELL", "true"]}}),
    (
        'HEALTHCHECK --interval=5s --timeout=1m --retries=3 --start-period=2s CMD ["a","b"]',
        {"Healthcheck": {"Test": ["CMD", "a", "b"], "Interval": 5 * 10**9,
                         "Timeout": 60 * 10**9, "StartPeriod": 2 * 10**9, "Retries": 3}},
    ),
    ("# a comment\n\nUSER me", {"User": "me"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "wanted"), ACCEPTED)
def test_what_docker_makes_of_it(text: str, wanted: dict[str, Any]) -> None:
    assert apply(text) == wanted


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("FOO bar", "^FOO is not an instruction"),
        ("RUN x", "^RUN is not an instruction"),
        ("ENV", "^ENV requires at least one argument"),
        ("ENV A", "^ENV must have two arguments"),
        ("ENV A=b C", '^ENV: Syntax error - can\'t find = in "C"'),
        ("ENV =x", "^ENV names can not be blank"),
        ("LABEL a", "^LABEL must have two arguments"),
        ('LABEL "a=b"=c', "^LABEL: failed to process .* double-quote"),
        ("ENV A='x", "^ENV: failed to process .* single-quote"),
        ("ENV A=${A", "^ENV: failed to process"),
        ("ENV A=${", "^ENV: failed to process .*missing '}'"),
        ("ENV A=${}", "^ENV: failed to process .*bad substitution"),
        ("ENV A=${Z:?gone}", "^ENV: failed to process .*Z: gone"),
        ("ENV A=${A^x}", "^ENV: failed to process .*unsupported modifier"),
        ("ENV A=" + "${Z:-" * 5000, "^ENV: failed to process .*too deeply"),
        ("USER", "^USER requires exactly one"),
        ("WORKDIR", "^WORKDIR requires exactly one"),
        ("VOLUME", "^VOLUME requires at least one"),
        ("VOLUME []", "^VOLUME requires at least one"),
        ('VOLUME ["/a",1]', "^VOLUME: when using JSON array syntax"),
        ('VOLUME [""]', "^VOLUME specified can not be an empty"),
        ('CMD ["a",1]', "^CMD: when using JSON array syntax"),
        ("CMD " + "[" * 100_000, ""),
        ("EXPOSE", "^EXPOSE requires"),
        ("EXPOSE abc", "^EXPOSE: invalid containerPort"),
        ("EXPOSE 80/foo", "^EXPOSE: invalid port: '80/foo': invalid proto"),
        ("EXPOSE 99999", "^EXPOSE: invalid containerPort"),
        ("EXPOSE 80-70", "^EXPOSE: invalid containerPort"),
        ("STOPSIGNAL foo", "^STOPSIGNAL: invalid signal"),
        ("STOPSIGNAL 999", "^STOPSIGNAL: invalid signal"),
        ("ONBUILD", "^ONBUILD requires"),
        ("ONBUILD ONBUILD RUN x", "^ONBUILD: Chaining"),
        ("ONBUILD FROM x", "^ONBUILD: FROM"),
        ("HEALTHCHECK", "^HEALTHCHECK requires"),
        ("HEALTHCHECK NONE x", "^HEALTHCHECK NONE takes no"),
        ("HEALTHCHECK CMD", "^HEALTHCHECK: Missing command"),
        ("HEALTHCHECK FOO x", '^HEALTHCHECK: Unknown type "FOO"'),
        ("HEALTHCHECK --interval=1us CMD x", "^HEALTHCHECK: Interval .interval. cannot be less"),
        ("HEALTHCHECK --timeout=5 CMD x", "^HEALTHCHECK: .* has no unit"),
        ("HEALTHCHECK --foo=1 CMD x", "^HEALTHCHECK: unknown flag: --foo"),
        ("HEALTHCHECK --retries=x CMD x", "^HEALTHCHECK: --retries must be a number"),
        ("HEALTHCHECK --retries=-1 CMD x", "^HEALTHCHECK: --retries cannot be negative"),
        ("CMD --x=y", "^CMD: unknown flag: --x"),
        ("# comment", "no instruction"),
        ("", "no instruction"),
    ],
)
def test_errors_name_the_instruction(text: str, match: str) -> None:
    if not match:
        assert apply(text)["Cmd"][:2] == ["/bin/sh", "-c"]
        return
    with pytest.raises(InvalidArgument, match=match):
        apply(text)


def test_nothing_to_change_changes_nothing() -> None:
    assert changes.apply(BEFORE, ()) == BEFORE


def test_the_config_that_was_given_stays_as_it_is() -> None:
    changes.apply(BEFORE, ["ENV A=9 B=8", "LABEL x=z"])
    assert BEFORE == {"Env": ["A=1"], "Cmd": ["run"], "Labels": {"x": "y"}}


def test_a_shell_of_the_image_s_own() -> None:
    after = changes.apply({"Shell": ["/bin/bash", "-lc"]}, ["CMD echo hi"])
    assert after["Cmd"] == ["/bin/bash", "-lc", "echo hi"]


NAMES = st.sampled_from([*changes.CHANGES, "RUN", "ONBUILD HEALTHCHECK"])


@given(NAMES, st.text("ab $\"'\\{}:-+?[],=\n\t/1", max_size=40))
def test_any_text_is_a_change_or_an_error_that_says_so(name: str, text: str) -> None:
    try:
        changes.apply(BEFORE, [f"{name} {text}"])
    except InvalidArgument:
        pass
