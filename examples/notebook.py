"""What a notebook shows: here the same HTML as text."""

import cuddy

result = cuddy.run("alpine", ["sh", "-c", "echo '<b>'; exit 3"], network="none")
print(result._repr_html_())

with cuddy.Engine() as engine, engine.scope(network="none") as scope:
    box = scope.containers.run("alpine", ["sh", "-c", "echo one; sleep 0.2; echo two"])
    log = box.live_logs()  # at the end of a cell it grows while the container writes
    print(len(list(log.drawings())), "drawings of", log)
    print(scope.containers.list(all=True)._repr_html_()[:60])
