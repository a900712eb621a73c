"""The version of provisioner that is installed."""

from __future__ import annotations

# The distribution on the package index that is called `provisioner` is another project.
DISTRIBUTION = "portal-provisioner"


def version() -> str:
    """The version of the installed distribution."""
    from importlib.metadata import version as installed  # slow to import

    return installed(DISTRIBUTION)
