"""Floor 1: what Linux offers, one concept a file, with the names of the man pages.

Wrappers raise OSError that names the call and its object; no policy lives here.

syscall       the one door to the kernel: numbers by architecture, errno -> OSError, trace
"""
