"""Commands about trials: `cuddy try -- COMMAND`, and what becomes of what it did.

try_     run a command on a copy-on-write view of this machine
ls       list
diff     what was changed
apply    change the machine so
discard  forget it
commit   make an image of it
"""
