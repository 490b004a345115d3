"""--unset: what it takes away, and what it answers to words it does not know."""

from __future__ import annotations

import pytest

from cuddy.builder import unset
from cuddy.errors import InvalidArgument


def test_words_and_their_plurals() -> None:
    assert unset.parse(["volume,Expose", "labels", "env=A"]) == [
        ("Volumes", ""), ("ExposedPorts", ""), ("Labels", ""), ("Env", "A"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text, message",
    [
        ("volum", "nothing of an image's config is called 'volum' (did you mean volume?)"),
        ("nonsense", "called 'nonsense' (one of cmd, entrypoint, env, expose"),
        ("cmd=x", "--unset cmd=x: cmd is unset as a whole"),
        ("label=", "--unset label=: label is unset as a whole"),
        ('"a', "invalid value '\"a' for --unset"),
        ("", "invalid value '' for --unset"),
    ],
)
def test_other_words_are_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        unset.parse([text])
    assert message in str(caught.value)


def test_one_of_several() -> None:
    config = unset.unset(
        {
            "Env": ["A=1", "AB=2"], "ExposedPorts": {"80/tcp": {}, "81/udp": {}},
            "Volumes": None, "Labels": {"x": "y"},
        },
        unset.parse(["env=A,expose=80,volume=/x,label=none"]),
    )  # fmt: skip
    assert config == {"Env": ["AB=2"], "ExposedPorts": {"81/udp": {}}, "Labels": {"x": "y"}}
