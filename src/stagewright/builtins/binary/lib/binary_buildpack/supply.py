from __future__ import annotations

from buildpack import Staging, write_config


def supply(staging: Staging) -> None:
    """Nothing but our name for the record of the build."""
    write_config(staging, "binary")
