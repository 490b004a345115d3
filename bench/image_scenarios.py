"""What is measured of images and files, with its budget: DESIGN.md, "Budgets".

Engines fetch from one registry, and each has a disk of its own. Scenarios with an empty store get a
new one for every round, made outside of the measured time; the others share one that stays.
"""

from __future__ import annotations

from bench.scenarios import Scenario

SMALL, BIG, ZSTD = "SMALL", "BIG", "ZSTD"
"""Names of images at the registry: a small one, and the big one in both kinds of compression."""
MANY = tuple(f"MANY{number}" for number in range(200))
"""Names of tiny ones there."""
FILE = "FILE"
"""A path on the engine's disk; nothing is there before a round."""
ARCHIVE, ROOTFS, TREE = "ARCHIVE", "ROOTFS", "TREE"
"""The big image as docker-archive; one layer of it (120 MB, 12,000 files) as tar, as directory."""
BOX = "bench-box"
"""A container that has ended, and wrote a copy of TREE."""

BLOB, FILES = "BLOB", "FILES"
"""A file of 200 MB; a directory of 5,000 small files."""
TARBALL = "TARBALL"
"""A tar of that file."""
HERE = "HERE"
"""The engine's own directory, on its disk."""
VOLUME = "bench-volume"
HOLDER = "bench-holder"
"""A container that runs, for files to be copied into and out of."""
NEW = "NEW"
"""Part of a name that is another in every round."""

_PULLED = ("pull", SMALL)
_HELD = ("run", "-d", "--name", HOLDER, "--network", "none", SMALL, "sleep", "100000")
_BLOB_IN = ("cp", BLOB, f"{HOLDER}:/blob")
_FILES_IN = ("cp", f"{FILES}/.", f"{HOLDER}:/files")
_HELPER = ("run", "--rm", "--network", "none")
_VOLUME_FILLED = (
    *_HELPER, "-v", f"{VOLUME}:/v", "-v", f"{BLOB}:/in:ro", SMALL, "cp", "/in", "/v/blob",
)  # fmt: skip
_COPIED = (
    "run",
    "--name",
    BOX,
    "-v",
    f"{TREE}:/in:ro",
    "--network",
    "none",
    SMALL,
    "cp",
    "-a",
    "/in",
    "/copy",
)

COLD = (
    Scenario("pull, cold, big gzip", ("pull", BIG), 0.7, share=0.34),
    Scenario("pull, cold, big zstd", ("pull", ZSTD), 0.7, share=0.34),
    Scenario("pull, cold, small", ("pull", SMALL), 1.0, "podman"),
    Scenario("load, big", ("load", "-i", ARCHIVE), 0.7, share=0.34),
    Scenario("import", ("import", ROOTFS, "imported"), 0.7, share=0.34),
    Scenario("rmi, big", ("rmi", BIG), 1.0, share=0.34, before=(("pull", BIG),)),
)
WARM = (
    Scenario("pull, warm", ("pull", BIG), 1.2, "docker", before=(("pull", BIG),)),
    Scenario("save, big", ("save", "-o", FILE, BIG), 0.7, share=0.34, before=(("pull", BIG),)),
    Scenario(
        "commit",
        ("commit", BOX, "committed"),
        0.7,
        share=0.34,
        before=(_PULLED, _COPIED),
    ),
    Scenario("export", ("export", "-o", FILE, BOX), 0.7, share=0.34, before=(_PULLED, _COPIED)),
    Scenario("cp in, 200 MB", _BLOB_IN, 0.7, share=0.34, before=(_PULLED, _HELD)),
    Scenario(
        "cp out, 200 MB",
        ("cp", f"{HOLDER}:/blob", FILE),
        0.7,
        share=0.34,
        before=(_PULLED, _HELD, _BLOB_IN),
    ),
    Scenario(
        "cp in, 5,000 files",
        ("cp", FILES, f"{HOLDER}:/{NEW}"),
        0.7,
        share=0.34,
        before=(_PULLED, _HELD),
    ),
    Scenario(
        "cp out, 5,000 files",
        ("cp", f"{HOLDER}:/files", FILE),
        0.7,
        share=0.34,
        before=(_PULLED, _HELD, _FILES_IN),
    ),
    Scenario(
        "volume cp in, 200 MB",
        ("volume", "cp", BLOB, f"{VOLUME}-in:/{NEW}"),
        0.7,
        "docker",
        share=0.34,
        before=(_PULLED, ("volume", "create", f"{VOLUME}-in")),
        instead=(
            *_HELPER,
            "-v",
            f"{VOLUME}-in:/v",
            "-v",
            f"{BLOB}:/in:ro",
            SMALL,
            "cp",
            "/in",
            f"/v/{NEW}",
        ),
    ),
    Scenario(
        "volume export, 200 MB",
        ("volume", "export", "-o", FILE, VOLUME),
        0.7,
        "docker",
        share=0.34,
        before=(_PULLED, _VOLUME_FILLED),
        instead=(
            *_HELPER,
            "-v",
            f"{VOLUME}:/v",
            "-v",
            f"{HERE}:/out",
            SMALL,
            "tar",
            "-cf",
            "/out/file",
            "-C",
            "/v",
            "blob",
        ),
    ),  # fmt: skip
    Scenario(
        "volume import, 200 MB",
        ("volume", "import", NEW, TARBALL),
        0.7,
        "docker",
        share=0.34,
        before=(_PULLED,),
        instead=(
            *_HELPER,
            "-v",
            f"{NEW}:/v",
            "-v",
            f"{TARBALL}:/in:ro",
            SMALL,
            "tar",
            "-xf",
            "/in",
            "-C",
            "/v",
        ),
    ),  # fmt: skip
    Scenario(
        "images, 200 of them", ("images",), 1.2, "docker", before=tuple(("pull", n) for n in MANY)
    ),
)
