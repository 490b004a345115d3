"""Run a command in a container and use what it says."""

import cuddy

result = cuddy.run("alpine", "cat /etc/os-release", network="none")
print("the container's system:", result.stdout.splitlines()[0])
