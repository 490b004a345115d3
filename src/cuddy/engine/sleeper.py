"""A monitor asleep: waits in the smallest Python there is until something happens, then wakes it.

Executed, not imported, by `watch.sleep`:

    python -I -S sleeper.py PIDFD,LISTENER,OUTPUT...+CALLER+...@MS EXIT_FILE WAKING COMMAND...

After MS milliseconds, if there are any, it wakes in any case: then a sandbox's time is up.

It imports nothing that the interpreter has not in it: every module here would be in the memory of
each running container. If the waking command cannot be executed because somebody removed Python or
cuddy meanwhile, it does the least: the container goes on, and its exit code is written down. A
sandbox (@) does not go on without its monitor.
"""

import posix
import select
import sys


def main(words: list[str]) -> None:
    """Wait, then become the waking command."""
    first, tether, left_ms = words[0].partition("@")
    own, *callers = first.split("+")
    watched = [int(fd) for fd in own.split(",")]
    with open("/proc/self/comm", "w") as comm:
        comm.write("cuddy monitor")
    poll = select.poll()
    for fd in (*watched, *map(int, callers)):
        poll.register(fd, select.POLLIN)
    poll.poll(int(left_ms) if left_ms else None)
    try:
        posix.execv(words[2], words[2:])
    except OSError:
        if not tether:
            last_words(watched, words[1])


def last_words(watched: list[int], exit_path: str) -> None:
    """Keep the container's pipes empty until it ends, and write its exit code to a file."""
    pidfd, _listener, *outputs = watched
    while True:
        poll = select.poll()
        for fd in (pidfd, *outputs):
            poll.register(fd, select.POLLIN)
        ready = [fd for fd, _ in poll.poll()]
        outputs = [fd for fd in outputs if fd not in ready or drain(fd)]
        if pidfd in ready:
            break
    ended = posix.waitid(posix.P_PIDFD, pidfd, posix.WEXITED)
    assert ended
    signal = 0 if ended.si_code == posix.CLD_EXITED else 128
    with open(exit_path, "w") as file:
        file.write(str(signal + ended.si_status))


def drain(fd: int) -> bool:
    """Read and forget; false at the end of file."""
    try:
        return bool(posix.read(fd, 65536))
    except BlockingIOError:
        return True
    except OSError:
        return False


main(sys.argv[1:])
