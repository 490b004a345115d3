"""Run a program that nobody trusts: no network, little memory, few processes, one second."""

import cuddy

PROGRAM = "echo working; while true; do :; done"

try:
    cuddy.run(
        "alpine",
        ["sh", "-s"],
        input=PROGRAM,
        timeout=1,
        network="none",
        memory="64m",
        cpus=0.5,
        pids=20,
        read_only=True,
        user=65534,
    )
except cuddy.Timeout as error:
    print("stopped after", error.timeout_s, "s; it had written", error.stdout)
