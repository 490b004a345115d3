"""Exceptions that nobody foresaw, in one line: a bug of ours, or a system call that nobody gave a
meaning. What the command line and the API tell of them.
"""

from __future__ import annotations

import errno
import os

_HINTS = {
    errno.ENOSPC: "the disk is full: 'cuddy rm' and 'cuddy rmi' make room",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "choose another place with --root and --runroot",
    errno.EMFILE: "raise the limit of open files: ulimit -n",
}


def explain(error: Exception) -> str:
    """What went wrong, where, and what to do."""
    return explain_os(error) if isinstance(error, OSError) and error.errno else explain_bug(error)


def explain_bug(error: Exception) -> str:
    """An exception that nobody foresaw."""
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    place = ""
    if where is not None:
        path = where.tb_frame.f_code.co_filename.rpartition("/cuddy/")[2]
        place = f" at {path}:{where.tb_lineno}"
    return (
        f"this is a bug in cuddy: {type(error).__name__}: {error}{place} "
        "(CUDDY_DEBUG=1 shows the traceback)"
    )


def explain_os(error: OSError) -> str:
    """A system call that failed where nobody gave it a meaning."""
    hint = _HINTS.get(error.errno or 0, "")
    if error.errno in (errno.EACCES, errno.EPERM):
        hint = "run cuddy as root" if os.geteuid() else "this machine does not allow it"
    where = f"{os.fsdecode(error.filename)}: " if error.filename else ""
    reason = os.strerror(error.errno or 0).lower()
    return f"{where}{reason} ({hint})" if hint else f"{where}{reason}"
