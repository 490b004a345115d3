"""The library for programs with an event loop: `cuddy.aio`. Same names, same arguments.

All but the first two are made of the modules of the same names one floor up, by tests/make_aio.py.

talk        a call from the side of the program, by its event loop
closing     what `async with` closes
engine      Engine, run
containers  its containers
container   one of them
images      its images
volumes     its volumes
networks    its networks
"""
