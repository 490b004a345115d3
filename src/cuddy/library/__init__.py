"""Floor 5: the public Python API, exported lazily by `cuddy` itself.

    program                                        behind it
    engine ─▶ requests ─▶ talk ─▶ link ──────────▶ warm ─▶ serving ─▶ calls ─▶ engine/

engine    Engine: one home of containers, images, volumes, networks; and `cuddy.run`
values    what calls come to
wishes    what can be asked of a new container
requests  what is asked and answered, before and after it travels
talk      a call from the side of the program
link      the way to the process behind it
speech    how the two speak
warm      that process: it forks for each call
serving   a call, in a process of its own
calls     which there are
running   those that make containers
joining   a call joined to the streams of a container
build     an image from a Dockerfile: `cuddy.build`
"""
