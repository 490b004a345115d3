"""iptables: the firewall of hosts without nft(8): iptables(8), iptables-restore(8).

There are no tables of one's own here, so a chain of ours hangs in a built-in chain by one jump.
`family` says whose rules: "ip", or "ip6" for those of ip6tables(8).
"""

from __future__ import annotations

import errno

from cuddy.kernel import program

WAIT = ("-w", "5")  # seconds for the lock that all iptables programs share


def restore(text: str, *, family: str = "ip") -> program.Finished:
    """Have iptables-restore(8) perform its text and flush only the chains named in it.

    Raises FileNotFoundError without iptables.
    """
    return program.run(_find(f"{family}tables-restore"), *WAIT, "--noflush", stdin=text)


def has_rule(table: str, chain: str, *rule: str, family: str = "ip") -> bool:
    """Whether a rule exists. Raises FileNotFoundError without iptables."""
    return program.run(_find(f"{family}tables"), *WAIT, "-t", table, "-C", chain, *rule).code == 0


def has_chain(table: str, chain: str, *, family: str = "ip") -> bool:
    """Whether a chain exists. Raises FileNotFoundError without iptables."""
    return program.run(_find(f"{family}tables"), *WAIT, "-t", table, "-n", "-L", chain).code == 0


def list_rules(table: str, chain: str, *, family: str = "ip") -> list[list[str]]:
    """The rules of a chain, each as the words after "-A CHAIN". Raises FileNotFoundError."""
    finished = program.run(_find(f"{family}tables"), *WAIT, "-t", table, "-S", chain)
    lines = [line.split() for line in finished.output.splitlines()]
    return [words[2:] for words in lines if words[:2] == ["-A", chain]]


def edit(table: str, *change: str, family: str = "ip") -> program.Finished:
    """One change, such as "-D", "FORWARD", ... Raises FileNotFoundError without iptables."""
    return program.run(_find(f"{family}tables"), *WAIT, "-t", table, *change)


def _find(name: str) -> str:
    path = program.find(name)
    if not path:
        raise FileNotFoundError(errno.ENOENT, "no such program", name)
    return path
