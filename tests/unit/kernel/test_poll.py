"""Waiting for many descriptors at once."""

from __future__ import annotations

import os

from cuddy.kernel.poll import Poll


def test_what_happened_to_a_descriptor_is_not_told_of_the_next_with_its_number() -> None:
    poll, told = Poll(), []
    pipes = [os.pipe(), os.pipe()]
    for _, writing in pipes:
        os.write(writing, b"x")
    spare = os.pipe()

    def swap(own: int, other: int) -> None:
        told.append("first")
        poll.forget(own)
        poll.forget(other)
        os.dup2(spare[0], other)
        poll.watch(other, lambda: told.append("nothing has happened here"))

    one, two = pipes[0][0], pipes[1][0]
    poll.watch(one, lambda: swap(one, two))
    poll.watch(two, lambda: swap(two, one))
    poll.turn()
    poll.after(0, lambda: None)
    poll.turn()
    assert told == ["first"]
    poll.close()
    for pair in (*pipes, spare):
        for fd in pair:
            os.close(fd)
