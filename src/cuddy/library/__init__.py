"""Floor 5: the public Python API, exported lazily by `cuddy` itself.

    program                                        behind it
    engine ─▶ requests ─▶ talk ─▶ link ──────────▶ warm ─▶ serving ─▶ calls ─▶ engine/

engine    Engine: one home of containers, images, volumes, networks; and `cuddy.run`
containers  its containers: made, found, listed
container  one of them
sandbox   a container for commands that come one after the other: `cuddy.Sandbox`
sandboxes  those that are there
beginning  what begins when it is made
attached  the streams of one that runs
images    its images
volumes   its volumes
networks  its networks
values    what calls come to
notebook  what notebooks show of them
listing   lists that these show as tables
live      a log that grows in a cell
tars      files as an archive
wishes    what can be asked of a new container
requests  what is asked and answered, before and after it travels
talk      a call from the side of the program
link      the way to the process behind it
speech    how the two speak
warm      that process: it forks for each call
serving   a call, in a process of its own
calls     which there are
running   those that make containers
boxes     about sandboxes
lives     about containers that are there
flows     those that go on: logs, events, execs; files in and out
scoping   those that keep what goes at the end
stock     about images, volumes and networks
joining   a call joined to the streams of a container
executor  tasks for containers: `cuddy.Executor`
remote    a Python function on its way into one
pytest_plugin  fixtures of pytest, whose containers go with a test
aio       the same for programs with an event loop
build_wishes  what can be asked of a build
build     an image from a Dockerfile: `cuddy.build`
building  the call that builds it
"""
