"""Header fields of registries: whatever they hold, reading them ends, and well."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cuddy.image import auth, pages

SPECIAL = st.text(st.sampled_from('<>;,="\\ \trelnxt/?&Basic'), max_size=60)
WORD = st.text(st.sampled_from("abcXYZ019-_."), min_size=1, max_size=8)
QUOTED = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)


class TestChallenges:
    """RFC 9110, 11.6.1: a list of schemes, each with parameters that are words or quoted."""

    @given(SPECIAL | st.text(max_size=60))
    def test_any_text_is_read(self, text: str) -> None:
        for challenge in auth.parse_challenges(text):
            assert challenge.scheme == challenge.scheme.lower()

    @given(st.dictionaries(WORD.map(str.lower), QUOTED, min_size=1, max_size=5))
    def test_what_is_quoted_comes_out_as_it_went_in(self, parameters: dict[str, str]) -> None:
        shown = ", ".join(
            '{}="{}"'.format(key, value.replace("\\", "\\\\").replace('"', '\\"'))
            for key, value in parameters.items()
        )
        [challenge] = auth.parse_challenges(f"Bearer {shown}")
        assert challenge == auth.Challenge("bearer", parameters)


class TestLinks:
    """RFC 8288: targets in angle brackets, each with parameters."""

    @given(SPECIAL | st.text(max_size=60))
    def test_any_text_is_read(self, text: str) -> None:
        found = pages.next_page(text)
        assert found == "" or found.startswith("/")

    @given(WORD, WORD, st.booleans())
    def test_the_next_page_is_found(self, path: str, query: str, quoted: bool) -> None:
        relation = '"next"' if quoted else "next"
        header = f"</first>; rel=prev, </{path}?{query}>; title=x; rel={relation}"
        assert pages.next_page(header) == f"/{path}?{query}"
