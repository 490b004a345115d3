"""Image names, whatever they are made of."""

from __future__ import annotations

import re
import string

from hypothesis import given, settings
from hypothesis import strategies as st

from cuddy.errors import InvalidReference
from cuddy.image import reference

ALNUM = string.ascii_lowercase + string.digits
WORD = st.text(ALNUM, min_size=1, max_size=8)
SEPARATOR = st.sampled_from([".", "_", "__", "-", "---"])
COMPONENT = st.lists(WORD, min_size=1, max_size=3).flatmap(
    lambda words: st.lists(SEPARATOR, min_size=len(words) - 1, max_size=len(words) - 1).map(
        lambda between: "".join(w + s for w, s in zip(words, [*between, ""]))
    )
)
LABEL = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9-]{0,5}[A-Za-z0-9])?", fullmatch=True)
DOMAIN = st.one_of(
    st.just("localhost"),
    st.lists(LABEL, min_size=2, max_size=4).map(".".join),
    st.tuples(LABEL, st.integers(1, 65535)).map(lambda pair: f"{pair[0]}:{pair[1]}"),
    st.just("[fe80::1]:5000"),
)
PATH = st.lists(COMPONENT, min_size=1, max_size=3).map("/".join)
# With a dot in its first part it would name a registry, which takes no underscore.
BARE_PATH = PATH.filter(lambda path: "/" not in path or "." not in path.partition("/")[0])
TAG = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
DIGEST = st.text("0123456789abcdef", min_size=64, max_size=64).map("sha256:{}".format)

# The grammar as Docker's distribution/reference has it, all in one expression.
GRAMMAR = re.compile(
    r"(?:(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
    r"(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?/)?"
    r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)


class TestGrammar:
    """`reference := name [ ":" tag ] [ "@" digest ]`"""

    @settings(deadline=None)
    @given(DOMAIN, PATH, st.none() | TAG, st.none() | DIGEST)
    def test_what_is_put_together_comes_apart(
        self, domain: str, path: str, tag: str | None, digest: str | None
    ) -> None:
        text = f"{domain}/{path}" + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
        found = reference.parse(text)
        assert (found.registry, found.repository) == (domain, path)
        assert found.tag == (tag or ("" if digest else "latest"))
        assert found.digest == (digest or "")

    @settings(deadline=None)
    @given(st.one_of(BARE_PATH, DOMAIN.flatmap(lambda d: PATH.map(lambda p: f"{d}/{p}"))))
    def test_the_full_and_the_familiar_form_mean_the_same(self, text: str) -> None:
        found = reference.parse(text)
        assert reference.parse(str(found)) == found
        assert reference.parse(found.familiar) == found

    @settings(deadline=None)
    @given(st.text(ALNUM + "AZ:/@._-[]\n é%\0", max_size=40))
    def test_it_is_docker_s_grammar(self, text: str) -> None:
        try:
            reference.parse(text)
            is_good = True
        except InvalidReference:
            is_good = False
        assert is_good <= bool(GRAMMAR.fullmatch(text))
        if GRAMMAR.fullmatch(text) and not is_good:
            # Beyond the expression: what the first part is, and how long the whole.
            first = text.partition("/")[0]
            assert "/" in text and first.lower() == first
