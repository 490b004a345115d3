"""config.toml: what it sets, and that nothing in it passes unread."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.engine import config_toml
from cuddy.errors import InvalidArgument


def read(tmp_path: Path, *texts: str) -> dict[str, str]:
    paths = []
    for number, text in enumerate(texts):
        path = tmp_path / f"{number}.toml"
        path.write_text(text)
        paths.append(str(path))
    return config_toml.read_options(paths)


def test_the_user_s_word_comes_after_the_machine_s(tmp_path: Path) -> None:
    machine = '[containers]\nuserns = "auto"\n[userns]\nrange = "1000:500"\n'
    user = '[containers]\nuserns = "host"\n'
    assert read(tmp_path, machine, user) == {"userns_default": "host", "userns_range": "1000:500"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("userns = 1", "outside of any table"),
        ("[containers]\nusers = 1", "nobody knows 'users'"),
        ("[containers]\nuserns = 1", "is to be a string"),
        ('[containers]\nuserns = "mine"', "invalid USER mode"),
        ('[containers]\nuserns = "container:x"', "everybody's"),
        ('[userns]\nrange = "0:7"', "range of userns"),
        ("[", "cannot be read"),
        ("a=" + "[" * 9999, "cannot be read"),
    ],
)
def test_what_is_wrong_is_said_with_the_file_s_name(
    tmp_path: Path, text: str, complaint: str
) -> None:
    with pytest.raises(InvalidArgument, match=f"0.toml: .*{complaint}"):
        read(tmp_path, text)


@given(
    st.dictionaries(st.text(), st.none() | st.integers() | st.dictionaries(st.text(), st.text()))
)
def test_any_document_sets_options_or_is_refused(document: dict[str, object]) -> None:
    try:
        found = config_toml.options_of(document)
    except InvalidArgument:
        return
    assert set(found) <= set(config_toml.OPTIONS.values())
