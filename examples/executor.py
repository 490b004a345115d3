"""Commands and Python functions as tasks in containers: an executor as of concurrent.futures."""

import json

import cuddy
from cuddy.errors import TaskFailed

with cuddy.Executor("alpine", max_workers=2, network="none", memory="64m", timeout=30) as executor:
    words = ["sh", "-c", "echo $(($0 * $0))"]
    print([int(result.stdout) for result in executor.map(words, map(str, range(6)))])

# Functions are run by the image's python3. What it answers is JSON: nothing of it is unpickled.
with cuddy.Executor("host", network="none", user=65534) as executor:
    print(executor.submit(json.loads, '{"a": [1, 2]}').result())
    try:
        executor.submit(json.loads, "{").result()
    except TaskFailed as error:
        print("in the container:", error.message)
