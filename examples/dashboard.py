"""What the dashboard's page asks for every second, without the page."""

import json
import subprocess
import sys
from urllib.request import Request, urlopen

command = [sys.executable, "-m", "cuddy", "dashboard", "--no-open"]
with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
    assert process.stdout
    url, _, token = process.stdout.readline().split()[-1].partition("#")
    asked = Request(f"{url}cuddy/samples", headers={"Authorization": f"Bearer {token}"})
    with urlopen(asked) as answer:
        found = json.load(answer)
    print(found["Machine"]["Cpus"], "processors,", len(found["Containers"]), "containers run")
    process.terminate()
