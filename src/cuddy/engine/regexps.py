"""Regular expressions of a user's: names in filters, variables and labels in options of logs."""

from __future__ import annotations

from cuddy.errors import InvalidArgument, WrongArguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Matches = Callable[[str], object]


def compile(pattern: str) -> Matches:
    """Whether a text has the pattern somewhere. Raises InvalidArgument.

    What it takes to match is up to the pattern: it may be more than anybody waits for.
    """
    # Imported here: few use them.
    import re
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a pattern may mean one day
            return re.compile(pattern).search
    except (re.error, OverflowError, RecursionError) as error:
        raise InvalidArgument(f"error parsing regexp: {error}: `{pattern}`") from None


def of_name(wanted: str) -> Matches:
    """Whether a name has `wanted` in it, which a filter may have as a pattern.

    Raises WrongArguments.
    """
    if wanted.replace("_", "").replace("-", "").isalnum():
        return lambda name: wanted in name
    try:
        return compile(wanted)
    except InvalidArgument as error:
        raise WrongArguments(f"invalid filter 'name={wanted}': {error.message}") from None
