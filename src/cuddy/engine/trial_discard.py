"""Discard: a trial goes, and this machine stays as it is."""

from __future__ import annotations

from cuddy.engine import trials
from cuddy.errors import CorruptContent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def discard(home: Home, name: str) -> None:
    """Forget what a trial has changed, and what an `apply` of it has begun and not finished.

    Raises NoSuchTrial, Conflict.
    """
    with trials.Turn(home, name):
        try:
            trial = trials.read(home, name)
        except CorruptContent:
            pass  # that is one more reason
        else:
            if trial["Applied"]:
                # Imported here: hardly ever needed.
                from cuddy.engine import trial_apply

                trial_apply.sweep(home, trial)
        trials.remove(home, name)
