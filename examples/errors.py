"""What goes wrong is an exception that says what to do about it."""

import cuddy
from cuddy.errors import NoSuchImage

try:
    cuddy.run("no-such-image", pull="never")
except NoSuchImage as error:
    print(error.message, "|", error.hint)

try:
    cuddy.run("alpine", ["sh", "-c", "echo partly; exit 3"], check=True, network="none")
except cuddy.CommandFailed as error:
    print("exit code", error.status, "after", error.stdout)
