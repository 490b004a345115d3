from __future__ import annotations

import errno
import inspect

import pytest

from cuddy import errors

CLASSES = [
    item
    for _, item in inspect.getmembers(errors, inspect.isclass)
    if issubclass(item, errors.CuddyError) and item is not errors.CuddyError
]


def test_an_error_says_what_failed_and_what_to_do() -> None:
    error = errors.CuddyError("the sky fell", hint="get a helmet")
    assert str(error) == "the sky fell (get a helmet)"
    assert str(errors.CuddyError("the sky fell")) == "the sky fell"


@pytest.mark.parametrize("error", CLASSES)
def test_the_table_at_the_top_tells_the_truth(error: type[errors.CuddyError]) -> None:
    lines = (errors.__doc__ or "").splitlines()
    (line,) = [line for line in lines if error.__name__ in line.split()]
    words = line.split()
    if words[-1].isdigit():
        assert (error.exit_code, error.http_status) == (int(words[-2]), int(words[-1]))
    else:  # as its parent in the tree
        parent = error.__mro__[1]
        assert (error.exit_code, error.http_status) == (parent.exit_code, parent.http_status)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (errors.NoSuchContainer("web"), "No such container: web ('cuddy ps -a' lists them)"),
        (errors.NotRunning("web"), "container web is not running ('cuddy start web' starts it)"),
        (
            errors.NameTaken("web", "f" * 64),
            "the container name 'web' is already in use by container ffffffffffff "
            "(remove it with 'cuddy rm web' or choose another name)",
        ),
    ],
)
def test_the_message_names_the_thing(error: errors.CuddyError, text: str) -> None:
    assert str(error) == text


def test_a_failed_system_call_is_told_in_the_kernels_words() -> None:
    cause = OSError(errno.ENOSPC, "No space left on device", "write /var/lib/cuddy/tmp/x")
    error = errors.SystemFailure.from_os("writing the layer", cause, hint="free some space")
    assert (
        str(error) == "writing the layer: write /var/lib/cuddy/tmp/x: no space left on device "
        "(free some space)"
    )


def test_an_error_without_errno_is_told_in_its_own_words() -> None:
    assert str(errors.SystemFailure.from_os("reading", OSError("odd"))) == "reading: odd"
