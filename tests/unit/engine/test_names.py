"""Names and ids of containers."""

from __future__ import annotations

import pytest

from cuddy.engine import names
from cuddy.errors import InvalidArgument


class TestGrammar:
    @pytest.mark.parametrize("good", ["ab", "A1", "0.", "a_b-c.d", "x" * 255, "0" * 64])
    def test_docker_s(self, good: str) -> None:
        names.check(good)

    @pytest.mark.parametrize(
        "bad",
        [
            "", "a", "_a", ".a", "-a", "..", "a/b", "../x", "a b", "a\n", "\x1b[31m", "é" * 2,
            "a\0", "x" * 256, "a:b", "a@b", "ａｂ",
        ],
    )  # fmt: skip
    def test_nothing_else(self, bad: str) -> None:
        with pytest.raises(InvalidArgument, match="Invalid container name"):
            names.check(bad)


class TestRandomNames:
    def test_they_fit_the_grammar_and_differ(self) -> None:
        made = {names.generate(0) for _ in range(200)}
        assert len(made) > 150
        for name in made:
            names.check(name)

    def test_after_some_attempts_a_number_makes_more_of_them(self) -> None:
        assert any(character.isdigit() for character in names.generate(5) + names.generate(5))

    def test_every_word_is_used_once(self) -> None:
        for words in (names.ADJECTIVES, names.SURNAMES):
            assert len(set(words)) == len(words)


def test_an_id_is_64_hexadecimal_digits_and_its_short_form_no_number() -> None:
    for _ in range(200):
        container_id = names.generate_id()
        assert len(container_id) == 64
        assert names.HEXADECIMAL.issuperset(container_id)
        assert not container_id[:12].isdigit()
