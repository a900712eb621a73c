"""The resources below `/sobjects`: the list of objects, their describes, their records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.access import visible
from provisioner.emulator.base import ids
from provisioner.emulator.base.errors import SalesforceError, not_found, not_served
from provisioner.emulator.base.timestamps import parse_timestamp
from provisioner.emulator.http import bodies
from provisioner.emulator.http.call import Answer, Call
from provisioner.emulator.rest import changes, record, related
from provisioner.emulator.schema import describe_json

if TYPE_CHECKING:
    from provisioner.emulator.schema.objects import SObject

# Resources of an object that an org has and this one has not (REST guide, "Reference").
_ELSEWHERE: Final = frozenset(
    {"defaultValues", "describe", "eventMonitoring", "listviews", "quickActions",
     "suggestedArticles"}
)  # fmt: skip


def answer(call: Call, names: tuple[str, ...]) -> Answer:
    """The answer to a call below `/sobjects`."""
    match names:
        case ():
            call.allow("GET", "HEAD")
            return _if_modified(call, _describe_global(call))
        case (name, "describe"):
            call.allow("GET", "HEAD")
            known, sobject = visible.catalog(call.org, call.by, call.version), _sobject(call, name)
            return _if_modified(call, describe_json.whole(known, sobject, call.base, call.instance))
        case (name, part, *rest) if part in _ELSEWHERE:
            raise _elsewhere(call, name, "/".join((part, *rest)))
        case (name, "updated" | "deleted" as which) if {"start", "end"} <= call.params.keys():
            return _changed(call, _sobject(call, name), which)
        # The guide has it for SelfServiceUser, too (fact 601), an object that no org made since
        # Spring '12 has, this one neither (object reference, "SelfServiceUser" [V]).
        case (name, id_, "password") if name.lower() == "user":
            return record.password(call, id_)
        case (name, *rest):
            return _record(call, _sobject(call, name), rest)
    raise AssertionError("every length is matched")


def _record(call: Call, sobject: SObject, rest: list[str]) -> Answer:
    match rest:
        case []:
            return record.collection(call, sobject)
        case [id_]:
            return record.by_id(call, sobject, id_)
        case [id_, relationship] if ids.normal(id_) and call.version >= related.SINCE:
            return related.answer(call, sobject, id_, relationship)
        case [key, *value]:
            return record.by_key(call, sobject, key, "/".join(value))
    raise AssertionError("every length is matched")


def _elsewhere(call: Call, name: str, what: str) -> SalesforceError:
    _sobject(call, name)
    return not_served(what)


def _changed(call: Call, sobject: SObject, which: str) -> Answer:
    call.allow("GET", "HEAD")
    look = changes.updated if which == "updated" else changes.deleted
    start, end = call.params["start"], call.params["end"]
    return Answer(200, look(call.org, call.by, sobject, start, end))


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
