"""Seccomp profiles for the bundles of tests."""

from __future__ import annotations

from typing import Any

import pytest

from bundles import Bundle

both = pytest.mark.parametrize("no_new_privileges", [False, True])
"""For what must not depend on when a filter may be loaded."""


def confine(bundle: Bundle, default: str, *rules: dict[str, Any], **more: Any) -> Bundle:
    """Give a bundle's config a profile."""
    bundle.linux["seccomp"] = {"defaultAction": default, "syscalls": list(rules), **more}
    return bundle


def rule(names: str, action: str = "SCMP_ACT_ALLOW", **more: Any) -> dict[str, Any]:
    """One element of a profile's `syscalls`."""
    return {"names": names.split(), "action": action, **more}
