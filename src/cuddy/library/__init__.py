"""Floor 5: the public Python API, exported lazily by `cuddy` itself.

build    an image from a Dockerfile: `cuddy.build`
"""
