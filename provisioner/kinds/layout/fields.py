"""The names of layouts, and the value of a field that is on one."""

from __future__ import annotations

from provisioner.model.resource import Resource

NAME = "layout"
TYPE = "Layout"
ON_LAYOUT = "on the layout"


def sobject_of(layout: Resource) -> str:
    """The sObject whose page it is: `Contact` of `Contact-Contact Layout`."""
    return layout.address.name.partition("-")[0]
