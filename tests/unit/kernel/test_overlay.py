"""Planning overlay mounts: the option string that overlayfs's parser takes apart again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cuddy.kernel import overlay
from cuddy.kernel.mount import MS_RDONLY

paths = st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)), min_size=1)


def test_the_plan_of_a_writable_stack() -> None:
    plan = overlay.plan(["/top", "/bottom"], "/upper", "/work", "/target")
    assert str(plan) == (
        "mount -t overlay -o lowerdir=/top:/bottom,upperdir=/upper,workdir=/work,"
        "index=off,metacopy=off,redirect_dir=nofollow overlay /target"
    )


def test_without_an_upper_directory_it_is_read_only() -> None:
    plan = overlay.plan(["/top", "/bottom"], "", "", "/target")
    assert plan.flags == MS_RDONLY
    assert plan.data == "lowerdir=/top:/bottom"


@given(st.lists(paths, min_size=1))
def test_any_path_is_found_again_in_the_options(lower: list[str]) -> None:
    assert overlay.split(":".join(map(overlay.escape, lower))) == lower


@given(paths)
def test_an_escaped_path_ends_no_option_early(path: str) -> None:
    escaped = overlay.escape(path)
    unguarded = escaped.replace("\\\\", "").replace("\\,", "").replace("\\:", "")
    assert "," not in unguarded
    assert ":" not in unguarded
