"""Which of an index's images suits a machine."""

from __future__ import annotations

import pytest

from cuddy.errors import InvalidArgument
from cuddy.image import platform
from cuddy.image.platform import Platform


def offered(*names: str) -> list[dict[str, object]]:
    entries = []
    for number, name in enumerate(names):
        os_name, architecture, variant = (name.split("/") + ["", ""])[:3]
        where = {"os": os_name, "architecture": architecture, "variant": variant}
        entries.append({"size": number, "platform": where if name else None})
    return entries


def chosen(wanted: str, *names: str) -> str | None:
    found = platform.choose(offered(*names), platform.parse(wanted))  # type: ignore[arg-type]
    return None if found is None else names[found["size"]]


@pytest.mark.parametrize(
    ("wanted", "names", "choice"),
    [
        ("linux/amd64", ["linux/arm64", "linux/amd64"], "linux/amd64"),
        ("linux/amd64", ["linux/386", "linux/amd64"], "linux/amd64"),
        ("linux/amd64", ["linux/arm64", "linux/386"], "linux/386"),
        ("linux/amd64", ["windows/amd64"], None),
        ("linux/arm64", ["linux/arm/v7", "linux/arm64/v8"], "linux/arm64/v8"),
        ("linux/arm64/v8", ["linux/arm64"], "linux/arm64"),
        ("linux/arm64", ["linux/arm/v6", "linux/arm/v7"], "linux/arm/v7"),
        ("linux/arm", ["linux/arm/v5", "linux/arm/v6"], "linux/arm/v6"),
        ("linux/arm/v6", ["linux/arm/v7", "linux/arm/v5"], "linux/arm/v5"),
        ("linux/arm/v6", ["linux/arm/v7"], None),
        ("linux/amd64/v3", ["linux/amd64", "linux/amd64/v2"], "linux/amd64/v2"),
        ("linux/amd64", ["linux/amd64/v3"], None),
        ("linux/riscv64", ["linux/amd64", "linux/riscv64"], "linux/riscv64"),
        ("linux/s390x", ["linux/amd64", ""], ""),
        ("linux/amd64", [], None),
    ],
)
def test_the_best_suited_image_is_chosen(wanted: str, names: list[str], choice: str | None) -> None:
    assert chosen(wanted, *names) == choice


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("linux/x86_64", "linux/amd64"),
        ("amd64", "linux/amd64"),
        ("aarch64", "linux/arm64"),
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm64/8", "linux/arm64"),
        ("linux/armhf", "linux/arm/v7"),
        ("LINUX/ARM/V6", "linux/arm/v6"),
        ("windows/amd64", "windows/amd64"),
    ],
)
def test_platforms_are_called_by_many_names(written: str, meant: str) -> None:
    assert str(platform.parse(written)) == meant


def test_nothing_said_means_this_machine() -> None:
    assert platform.parse("") == platform.host() == platform.parse("linux")
    assert platform.host().os == "linux"


@pytest.mark.parametrize("written", ["/", "a/", "/b", "a//b", "a/b/c/d", "a b", "linux/a\n", "é"])
def test_what_is_no_platform_is_refused(written: str) -> None:
    with pytest.raises(InvalidArgument, match="platform"):
        platform.parse(written)


@pytest.mark.parametrize("lie", [None, [], "linux/amd64", {"os": 5, "architecture": []}, {}])
def test_nonsense_in_an_index_is_no_platform(lie: object) -> None:
    assert platform.of(lie) is None  # type: ignore[arg-type]


def test_the_text_of_a_platform_leaves_out_what_is_usual() -> None:
    assert str(Platform("linux", "arm", "v7")) == "linux/arm/v7"
