"""What is measured, with its budget: DESIGN.md, "Budgets".

A budget is a ratio of cuddy's median to a peer's: docker's, or that of the better of both.
"""

from __future__ import annotations

from typing import NamedTuple

IMAGE = "IMAGE"
C = "bench-running"
LINES = "bench-lines"
LIFE = "bench-life"
KEEP_LINES = ("--log-opt", "max-size=100m")  # cuddy would put some of them aside
PRINT_LINES = "yes {} | head -n 200000".format("x" * 99)
RUN = ("run", "-d", "--name", "bench-short", IMAGE, "sleep", "100000")
START = ("start", LIFE)
NETWORK, NAMED = "bench-network", "bench-named"
"""A network, and who is on it, together with C."""
PUBLISH = ("run", "--rm", "-p")
LASTING, ASIDE, BRIEF = "bench-lasting", "bench-aside", "bench-brief"
"""More networks: two that are there, and one that is not."""
CONNECT = ("network", "connect", NETWORK, C)
STOP = ("stop", "-t", "0", LIFE)


class Scenario(NamedTuple):
    """One command, timed over many rounds."""

    title: str
    words: tuple[str, ...]
    budget: float
    against: str = "better"
    share: float = 1.0  # of the rounds: what takes long is run less often
    before: tuple[tuple[str, ...], ...] = ()  # commands that prepare it, not measured
    instead: tuple[str, ...] = ()  # what the peers' users do, where only cuddy has the verb


SCENARIOS = (
    Scenario("run --rm IMAGE true, bridge", ("run", "--rm", IMAGE, "true"), 0.30),
    Scenario(
        "run --rm IMAGE true, none", ("run", "--rm", "--network", "none", IMAGE, "true"), 0.35
    ),
    Scenario(
        "run --rm IMAGE true, host", ("run", "--rm", "--network", "host", IMAGE, "true"), 0.35
    ),
    Scenario("run --rm -p, 1 port", (*PUBLISH, "18000:8000", IMAGE, "true"), 0.30),
    Scenario("run --rm -p, 10 ports", (*PUBLISH, "18000-18009:8000-8009", IMAGE, "true"), 0.30),
    Scenario(
        "run --rm -p, 100 ports",
        (*PUBLISH, "18000-18099:8000-8099", IMAGE, "true"),
        0.30,
        share=0.34,
    ),
    Scenario("run --rm, a network", ("run", "--rm", "--network", NETWORK, IMAGE, "true"), 0.30),
    Scenario(
        "run --rm, finds a neighbour",
        ("run", "--rm", "--network", NETWORK, IMAGE, "ping", "-c", "1", NAMED),
        0.30,
    ),
    # podman only writes a file then; the bridge comes and goes with containers.
    Scenario(
        "network create",
        ("network", "create", LASTING),
        1.0,
        "docker",
        before=(("network", "rm", LASTING),),
    ),
    Scenario(
        "network rm",
        ("network", "rm", BRIEF),
        1.0,
        "docker",
        before=(("network", "create", BRIEF),),
    ),
    Scenario("network connect", CONNECT, 1.0, before=(("network", "disconnect", NETWORK, C),)),
    Scenario(
        "network disconnect",
        ("network", "disconnect", ASIDE, C),
        1.0,
        before=(("network", "connect", ASIDE, C),),
    ),
    Scenario("exec C true", ("exec", C, "true"), 0.6, "docker"),
    Scenario("start C", ("start", LIFE), 0.35, before=(STOP,)),
    Scenario("stop -t 0 C", STOP, 0.6, before=(START,)),
    Scenario("restart -t 0 C", ("restart", "-t", "0", LIFE), 0.5, before=(START,)),
    Scenario("rm -f C, running", ("rm", "-f", "bench-short"), 0.5, before=(RUN,)),
    Scenario("version", ("version",), 1.2, "docker"),
    Scenario("ps -a, 50 containers", ("ps", "-a"), 1.2, "docker"),
    Scenario("inspect C", ("inspect", C), 1.2, "docker"),
    Scenario("images", ("images",), 1.2, "docker"),
    Scenario("logs --tail 10 C", ("logs", "--tail", "10", LINES), 1.2, "docker"),
    Scenario(
        "200,000 log lines, run --rm",
        ("run", "--rm", "--network", "none", IMAGE, "sh", "-c", PRINT_LINES),
        1.0,
        "podman",
        0.34,
    ),
    Scenario("200,000 log lines, logs", ("logs", LINES), 1.0, "podman", 0.34),
    Scenario("200,000 log lines, logs -f", ("logs", "-f", LINES), 1.0, "podman", 0.34),
    Scenario("200,000 log lines, logs -t", ("logs", "-t", LINES), 1.0, "podman", 0.34),
)
