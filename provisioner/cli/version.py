"""The version of provisioner that is installed."""

from __future__ import annotations

# The distribution on the package index that is called `provisioner` is another project.
DISTRIBUTION = "portal-provisioner"


def version() -> str:
    """The version of the installed distribution."""
    from importlib import metadata  # slow to import

    return metadata.version(DISTRIBUTION)
