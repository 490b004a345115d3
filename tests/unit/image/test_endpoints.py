"""Which servers a name leads to."""

from __future__ import annotations

import pytest

from cuddy.errors import RegistryError
from cuddy.image import endpoints, reference
from cuddy.image.settings import Mirror, Rule, Settings

DIGEST = "sha256:" + "0" * 64


def asked(name: str, *rules: Rule, **settings: object) -> list[str]:
    """Host and repository of every server, in the order they are asked."""
    found = endpoints.endpoints(
        Settings(rules=rules, **settings),  # type: ignore[arg-type]
        reference.parse(name),
    )
    assert [each.is_mirror for each in found] == [True] * (len(found) - 1) + [False]
    return [f"{each.host}/{each.repository}" for each in found]


def test_a_name_without_rules_leads_to_its_own_registry() -> None:
    assert asked("alpine") == ["registry-1.docker.io/library/alpine"]
    assert asked("lan:5000/a/b") == ["lan:5000/a/b"]


def test_mirrors_come_first_in_their_order() -> None:
    rule = Rule("lan:1", "lan:1", (Mirror("one:1"), Mirror("two/below")))
    assert asked("lan:1/a/b", rule) == ["one:1/a/b", "two/below/a/b", "lan:1/a/b"]


def test_docker_io_has_mirrors_of_both_kinds() -> None:
    rule = Rule("docker.io", "docker.io", (Mirror("one/hub"),))
    assert asked("alpine", rule, mirrors={"docker.io": ("http://two:2/",)}) == [
        "one/hub/library/alpine", "two:2/library/alpine", "registry-1.docker.io/library/alpine",
    ]  # fmt: skip


def test_the_longest_prefix_counts() -> None:
    rules = Rule("quay.io", "a"), Rule("quay.io/team", "b/x"), Rule("quay.io/te", "c")
    assert asked("quay.io/team/app", *rules) == ["b/x/app"]
    assert asked("quay.io/team", *rules) == ["b/x"]
    assert asked("quay.io/teams", *rules) == ["a/teams"]
    assert asked("quay.io/other", *rules) == ["a/other"]
    assert asked("quay.iox/other", *rules) == ["quay.iox/other"]


def test_a_prefix_may_stand_for_every_host_of_a_domain() -> None:
    rules = Rule("*.example.com", "", (Mirror("m"),)), Rule("a.example.com", "b")
    assert asked("x.example.com/y", *rules) == ["m/y", "x.example.com/y"]
    assert asked("x.y.example.com:5000/y", *rules) == ["m/y", "x.y.example.com:5000/y"]
    assert asked("example.com/y", *rules) == ["example.com/y"]
    assert asked("badexample.com/y", *rules) == ["badexample.com/y"]
    assert asked("a.example.com/y", Rule("*.com", "z"), *rules[1:]) == ["b/y"]


def test_a_mirror_may_be_for_digests_or_for_tags() -> None:
    rule = Rule("r.io", "r.io", (Mirror("d", "digest-only"), Mirror("t", "tag-only")))
    assert asked("r.io/x", rule) == ["t/x", "r.io/x"]
    assert asked(f"r.io/x@{DIGEST}", rule) == ["d/x", "r.io/x"]


def test_what_is_blocked_is_not_asked() -> None:
    with pytest.raises(RegistryError, match=r"r\.io/bad/x is blocked.*registries\.conf"):
        asked("r.io/bad/x", Rule("r.io/bad", "", (), True))
    assert asked("r.io/good", Rule("r.io/bad", "", (), True)) == ["r.io/good"]


@pytest.mark.parametrize(
    ("host", "ways", "verify"),
    [
        ("localhost:5000", ("http", "https"), False),
        ("127.3.2.1", ("http", "https"), False),
        ("[::1]:5000", ("http", "https"), False),
        ("lan:5000", ("https", "http"), False),
        ("lan:5001", ("https",), True),
        ("bare:1", ("https", "http"), False),
        ("10.1.2.3:5", ("https", "http"), False),
        ("11.1.2.3:5", ("https",), True),
        ("x.corp", ("https", "http"), False),
        ("corp", ("https",), True),
        ("127.evil.example", ("https",), True),
        ("localhost.evil.example", ("https",), True),
    ],
)
def test_plain_http_is_for_loopback_and_what_is_called_insecure(
    host: str, ways: tuple[str, ...], verify: bool
) -> None:
    settings = Settings(insecure=("lan:5000", "bare", "10.0.0.0/8", "*.corp"))
    assert endpoints.schemes(settings, host) == (ways, verify)
