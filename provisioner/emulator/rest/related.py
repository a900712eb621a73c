"""`/sobjects/X/<id>/<relationship>`: the parent or the children of a record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from provisioner.emulator.access import visible
from provisioner.emulator.base import ids
from provisioner.emulator.base.errors import SalesforceError, no_such_column, not_found
from provisioner.emulator.http.call import Answer, Call
from provisioner.emulator.rest import record
from provisioner.emulator.rules.fields import existing
from provisioner.emulator.soql import run

if TYPE_CHECKING:
    from provisioner.emulator.schema.objects import Field, SObject

SINCE: Final = 36  # REST guide, "sObject Relationships"


def answer(call: Call, sobject: SObject, text: str, name: str) -> Answer:
    """A parent as its own resource answers it; children as a query does, page by page.

    404 when there is no such relationship, or the record has no such parent (REST guide,
    "Traverse Relationships with Friendly URLs").
    """
    id_ = ids.normal(text)
    assert id_, "the route takes ids only"
    if id_[:3] != sobject.prefix:
        raise not_found()
    row = existing(call.org, sobject, id_)
    if not visible.sees(call.org, call.by, sobject.name, id_):
        raise not_found()
    parent = sobject.relationship(name)
    if parent is not None:
        return _parent(call, parent, row[parent.name])
    for child, field in visible.catalog(call.org, call.by, call.version).children(sobject.name):
        if field.child and field.child.lower() == name.lower():
            call.allow("GET", "HEAD")
            return _children(call, child, field, id_)
    raise not_found()


def _parent(call: Call, field: Field, id_: str | None) -> Answer:
    known = visible.catalog(call.org, call.by, call.version).by_prefix(id_[:3]) if id_ else None
    if id_ is None or known is None:
        what = f"The requested resource does not exist for the relationship {field.relationship}"
        raise SalesforceError("NOT_FOUND", what, status=404)  # text: guess
    return record.by_id(call, known, id_)


def _children(call: Call, child: SObject, field: Field, id_: str) -> Answer:
    names = [one.name for one in child.fields.values()]
    if "fields" in call.params:
        names = [name.strip() for name in call.params["fields"].split(",")]
    listed = []
    for name in names:
        found = child.field(name)
        if found is None:
            raise no_such_column(name, child.name)
        listed.append(found.name)
    text = f"SELECT {', '.join(listed)} FROM {child.name} WHERE {field.name} = '{id_}'"  # noqa: S608
    return Answer(200, run.run(visible.context(call.org, call.by, call.version), text))
