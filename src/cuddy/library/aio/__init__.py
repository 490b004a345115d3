"""The library for programs with an event loop: `cuddy.aio`. Same names, same arguments.

All but the first three are made of the modules of the same names one floor up: tests/make_aio.py.

talk        a call from the side of the program, by its event loop
closing     what `async with` closes
beginning   what begins when it is awaited
engine      Engine, run
containers  its containers
container   one of them
sandbox     a container for commands that come one after the other
sandboxes   those that are there
attached    the streams of one that runs
images      its images
volumes     its volumes
networks    its networks
"""
