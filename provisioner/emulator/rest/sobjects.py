"""The resources below `/sobjects`: the list of objects, their describes, their records."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.access import visible
from provisioner.emulator.base import ids
from provisioner.emulator.base.errors import not_found, not_served
from provisioner.emulator.base.timestamps import parse_timestamp
from provisioner.emulator.http import bodies
from provisioner.emulator.http.call import Answer, Call
from provisioner.emulator.http.routes import EVERY, Route, each, read
from provisioner.emulator.rest import changes, record, related
from provisioner.emulator.schema import describe_json

if TYPE_CHECKING:
    from provisioner.emulator.schema.objects import SObject


def _all(call: Call) -> Answer:
    return _if_modified(call, _describe_global(call))


def _describe(call: Call, name: str) -> Answer:
    known, sobject = visible.catalog(call.org, call.by, call.version), _sobject(call, name)
    return _if_modified(call, describe_json.whole(known, sobject, call.base, call.instance))


def _collection(call: Call, name: str) -> Answer:
    return record.collection(call, _sobject(call, name))


def _by_id(call: Call, name: str, id_: str) -> Answer:
    return record.by_id(call, _sobject(call, name), id_)


def _by_key(call: Call, name: str, field: str, value: str) -> Answer:
    """The record with a key; a field in its place that is an id: what is related to that record."""
    sobject = _sobject(call, name)
    if ids.normal(field) and "/" not in value and call.version >= related.SINCE:
        return related.answer(call, sobject, field, value)
    return record.by_key(call, sobject, field, value)


def _changed(call: Call, name: str, which: str) -> Answer:
    """What was updated or deleted in a time; without one, the word is an id like any other."""
    if not {"start", "end"} <= call.params.keys():
        return _by_id(call, name, which)
    sobject = _sobject(call, name)
    call.allow("GET", "HEAD")
    look = changes.updated if which == "updated" else changes.deleted
    start, end = call.params["start"], call.params["end"]
    return Answer(200, look(call.org, call.by, sobject, start, end))


def _elsewhere(call: Call, name: str, what: str, rest: str = "") -> Answer:
    _sobject(call, name)
    raise not_served("/".join(filter(None, (what, rest))))


def _sobject(call: Call, name: str) -> SObject:
    found = visible.catalog(call.org, call.by, call.version).get(name)
    if found is None:
        raise not_found()
    return found


def _describe_global(call: Call) -> dict[str, Any]:
    known = visible.catalog(call.org, call.by, call.version)
    brief = [
        describe_json.brief(sobject, call.base)
        for sobject in sorted(known.sobjects.values(), key=lambda s: s.name)
    ]
    return {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": brief}


def _if_modified(call: Call, body: dict[str, Any]) -> Answer:
    """304 when the schema is as old as `If-Modified-Since` (fact 724)."""
    changed = parse_timestamp(call.org.setting("schema changed") or "1970-01-01T00:00:00.000+0000")
    tag = bodies.etag([str(changed), call.parts])
    failed = bodies.unmet(call.headers, tag, changed)
    return failed or Answer(200, body, bodies.validators(tag, changed))


_ROW: Final = ("DELETE", "GET", "HEAD", "PATCH")
_RELATED: Final = each(_by_key, *_ROW)
# Resources of an object that an org has and this one has not (REST guide, "Reference").
_ELSEWHERE: Final = (
    "any(defaultValues, eventMonitoring, listviews, quickActions, suggestedArticles)"
)
ROUTES: Final = (
    Route("/sobjects", read(_all)),
    Route("/sobjects/<name>", each(_collection, "GET", "HEAD", "POST")),
    Route("/sobjects/<name>/describe", read(_describe)),
    Route("/sobjects/<name>/updated", each(partial(_changed, which="updated"), *_ROW)),
    Route("/sobjects/<name>/deleted", each(partial(_changed, which="deleted"), *_ROW)),
    Route("/sobjects/<name>/<id_>", each(_by_id, *_ROW)),
    # `Id` in place of an id: a new record (fact 745)
    Route("/sobjects/<name>/<word(id):id_>", each(_by_id, *_ROW, "POST")),
    # The guide has it for SelfServiceUser, too (fact 601), an object that no org made since
    # Spring '12 has, this one neither (object reference, "SelfServiceUser" [V]).
    Route(
        "/sobjects/<word(User):_user>/<user_id>/password",
        each(record.password, "DELETE", "GET", "HEAD", "POST"),
    ),
    Route("/sobjects/<name>/<field>/<path:value>", _RELATED),
    Route(f"/sobjects/<name>/<{_ELSEWHERE}:what>", each(_elsewhere, *EVERY), served=False),
    Route(
        f"/sobjects/<name>/<{_ELSEWHERE}:what>/<path:rest>", each(_elsewhere, *EVERY), served=False
    ),
    Route(
        "/sobjects/<name>/<any(describe):what>/<path:rest>", each(_elsewhere, *EVERY), served=False
    ),
)
