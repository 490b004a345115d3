"""What happens to a container, as events."""

import cuddy

with (
    cuddy.Engine() as engine,
    engine.containers.run("alpine", "true", network="none") as container,
):
    container.wait()
    for event in engine.events(filters={"container": container.id}, since="1m"):
        print(event.type, event.action, event.attributes.get("exitCode", ""))
        if event.action == "die":
            break
