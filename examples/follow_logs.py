"""A container in the background, its log line by line, and its removal at the end."""

import cuddy

SCRIPT = "for n in 1 2 3; do echo step $n; sleep 0.1; done"

with (
    cuddy.Engine() as engine,
    engine.containers.run("alpine", ["sh", "-c", SCRIPT], network="none") as container,
):
    for line in container.logs(follow=True):
        print(line.time[:19], line.stream, line.text)
    print(container.name, "ended with", container.wait())
