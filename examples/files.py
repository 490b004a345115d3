"""Files in, a command over them, files out."""

import tempfile
from pathlib import Path

import cuddy

with (
    cuddy.Engine() as engine,
    engine.containers.run("alpine", "sleep 1000", network="none", init=True) as box,
):
    box.write("/tmp/words", "pear\napple\nfig\n")
    box.exec("sort /tmp/words -o /tmp/sorted", check=True)
    print(box.read("/tmp/sorted").decode().split())
    with tempfile.TemporaryDirectory() as directory:
        box.get("/tmp/sorted", Path(directory, "sorted"))
        print(Path(directory, "sorted").stat().st_size, "bytes")
    print([change.path for change in box.diff() if change.letter == "A"])
