"""How a process of the server's begins, and that it ends there whatever becomes of it."""

from __future__ import annotations

import _signal
import os

from cuddy import unforeseen
from cuddy.api import log
from cuddy.engine.departure import unwind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


ENDING = (_signal.SIGTERM, _signal.SIGHUP)


def begin(leave: Callable[[], int], work: Callable[[int], None]) -> int:
    """Fork a process; its pid. `leave`: closes what is the server's, and says how to wake it, which
    `work` is told.

    Raises OSError when there is no room for one more.
    """
    # A signal that came before the child has handlers of its own would be lost in the server's.
    before = _signal.pthread_sigmask(_signal.SIG_BLOCK, ENDING)
    pid = -1
    try:
        pid = os.fork()
    finally:
        if pid:
            _signal.pthread_sigmask(_signal.SIG_SETMASK, before)
    if pid:
        return pid
    code = 1
    try:
        bell = leave()
        _set_signals()
        _signal.pthread_sigmask(_signal.SIG_SETMASK, before)
        work(bell)
        code = 0
    except OSError as error:
        log.note(str(error))
    except Exception as error:
        log.say(unforeseen.explain(error))
        log.trace(error)
    finally:
        os._exit(code)


def _set_signals() -> None:
    for number in ENDING:
        _signal.signal(number, unwind)
    _signal.signal(_signal.SIGINT, _signal.SIG_IGN)  # the server tells us
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
