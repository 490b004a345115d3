"""What is measured of images, with its budget: DESIGN.md, "Budgets".

Engines fetch from one registry, and each has a disk of its own. Scenarios with an empty store get a
new one for every round, made outside of the measured time; the others share one that stays.
"""

from __future__ import annotations

from bench.scenarios import Scenario

SMALL, BIG, ZSTD = "SMALL", "BIG", "ZSTD"
"""Names of images at the registry: a small one, and the big one in both kinds of compression."""

COLD = (
    Scenario("pull, cold, big gzip", ("pull", BIG), 0.7, share=0.34),
    Scenario("pull, cold, big zstd", ("pull", ZSTD), 0.7, share=0.34),
    Scenario("pull, cold, small", ("pull", SMALL), 1.0, "podman"),
)
WARM = (Scenario("pull, warm", ("pull", BIG), 1.2, "docker"),)
