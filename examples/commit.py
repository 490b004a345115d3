"""Change a container, make an image of it, run that, and take it away again."""

import cuddy

with cuddy.Engine() as engine:
    with engine.containers.run("alpine", ["sh", "-c", "echo 1 >/version"], network="none") as box:
        box.wait()
        box.commit("example:1", message="with a version")
    print("version", engine.run("example:1", "cat /version", network="none").stdout)
    engine.images.remove("example:1")
