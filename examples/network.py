"""Two containers that find each other by name on a network of their own."""

import cuddy

SERVE = "while true; do echo hello from web | nc -l -p 80; done"
ASK = "until nc web 80 </dev/null; do sleep 0.1; done"

with (
    cuddy.Engine() as engine,
    engine.networks.create("example") as network,
    engine.containers.run("alpine", ["sh", "-c", SERVE], network=network.name, name="web"),
):
    print(engine.run("alpine", ["sh", "-c", ASK], network=network.name, timeout=20).stdout)
