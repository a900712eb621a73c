"""Searches: SOSL by REST and SOAP, and `parameterizedSearch`.

Words are found whole, in any case, in the fields of the group asked for; where a record has some of
them in one field and some in another, it has them all (general knowledge [U]). Results come in the
order of their Ids, for which Salesforce has a ranking of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.access import visible
from provisioner.emulator.base.errors import SalesforceError, not_served
from provisioner.emulator.http.call import Answer, Call
from provisioner.emulator.http.routes import EVERY, Route, each, read
from provisioner.emulator.schema import objects
from provisioner.emulator.soql import parse, run, sosl
from provisioner.emulator.soql.sosl import Joined, Phrase, Returned, Search

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from provisioner.emulator.schema.objects import Field, SObject
    from provisioner.emulator.soql.scope import Context

_MOST: Final = 2000  # results of one search (SOQL and SOSL guide, "LIMIT" [V])
_WRAPPED_SINCE: Final = 37  # `searchRecords` around the records: API version 37 (REST guide [V])
# Which fields a group has (SOQL and SOSL guide, "IN SearchGroup" [V]).
_GROUPS: Final[Mapping[str, frozenset[str]]] = {
    "all": objects.TEXT_TYPES,
    "email": frozenset({"email"}),
    "name": frozenset(),
    "phone": frozenset({"phone"}),
    "sidebar": frozenset({"string", "phone", "picklist", "email"}),
}
_FIELDS: Final = re.compile(r"[\w.]+(\s*,\s*[\w.]+)*")


def _search(call: Call) -> Answer:
    """`/search?q=`: the records that a SOSL search finds."""
    text = call.params.get("q", "")
    if not text.strip():
        raise sosl.malformed("SOSL statements cannot be empty or null")  # guess
    return _wrapped(call, find(visible.context(call.org, call.by, call.version), sosl.parse(text)))


def _parameterized(call: Call) -> Answer:
    """`/parameterizedSearch`: the same, with the parts of a search named (REST guide)."""
    asked = call.json() if call.method == "POST" else _of_params(call)
    return _wrapped(call, find(visible.context(call.org, call.by, call.version), _of_json(asked)))


def _elsewhere(_call: Call, what: str) -> Answer:
    raise not_served(f"search/{what}")


def find(here: Context, search: Search) -> list[dict[str, Any]]:
    """The records that a search finds, object by object."""
    found: list[dict[str, Any]] = []
    most = min(_MOST, _MOST if search.limit is None else search.limit)
    for returned in search.returned or _everything(here):
        sobject = here.known.get(returned.sobject)
        if sobject is None or "searchable" not in sobject.flags:
            raise SalesforceError(  # text: that of queries [V], for a search a guess
                "INVALID_TYPE",
                f"sObject type '{returned.sobject}' is not supported. If you are attempting to use"
                " a custom object, be sure to append the '__c' after the entity name. Please"
                " reference your WSDL or the describe call for the appropriate names.",
            )
        if returned.where:  # by itself it is whole, whatever is put around it below
            parse.parse(f"SELECT Id FROM {sobject.name} WHERE {returned.where}")  # noqa: S608 - it is SOQL
        ids = _matching(here, sobject, search)[:_MOST]
        if ids:
            listed = ", ".join(f"'{id_}'" for id_ in ids)
            own = f"({returned.where}) AND " if returned.where else ""
            text = f"SELECT {returned.fields} FROM {sobject.name}"  # noqa: S608 - it is SOQL
            text += f" WHERE {own}Id IN ({listed}) {returned.rest}"
            found += run.run(here, text)["records"]
        else:  # what is wrong with the query is told all the same
            own = f" WHERE {returned.where}" if returned.where else ""
            text = f"SELECT {returned.fields} FROM {sobject.name}{own} {returned.rest}"  # noqa: S608 - it is SOQL
            run.run(here, text)
    return found[:most]


def _everything(here: Context) -> list[Returned]:
    known = sorted(here.known.sobjects.values(), key=lambda sobject: sobject.name)
    return [Returned(sobject.name) for sobject in known if "searchable" in sobject.flags]


def _matching(here: Context, sobject: SObject, search: Search) -> list[str]:
    """The ids of the records that have the words."""
    fields = [
        f'"{field.name}"' for field in sobject.fields.values() if _within(field, search.group)
    ]
    if not fields:
        return []
    live = '"IsDeleted" = 0' if sobject.soft_delete else "1"
    rows = here.org.execute(
        f'SELECT "Id", {", ".join(fields)} FROM {here.rows(sobject)} AS t'  # noqa: S608 - our names
        f' WHERE {live} ORDER BY "Id"'
    )
    found = []
    for id_, *texts in rows:
        words = [sosl.words_of(text) for text in texts if text]
        if _has(words, search.condition):
            found.append(id_)
    return found


def _within(field: Field, group: str) -> bool:
    if not field.stored or not field.is_text:
        return False
    if group == "name":
        return "nameField" in field.flags or field.name in {"FirstName", "LastName"}
    return field.type in _GROUPS[group]


def _has(fields: Iterable[list[str]], condition: sosl.Condition) -> bool:
    match condition:
        case Phrase(words):
            return any(_stands_in(words, field) for field in fields)
        case Joined("or", parts):
            return any(_has(fields, part) for part in parts)
        case Joined("and not", (first, second)):
            return _has(fields, first) and not _has(fields, second)
        case Joined(_, parts):
            return all(_has(fields, part) for part in parts)


def _stands_in(words: tuple[re.Pattern[str], ...], field: list[str]) -> bool:
    return any(
        all(word.fullmatch(field[start + i]) for i, word in enumerate(words))
        for start in range(len(field) - len(words) + 1)
    )


def _wrapped(call: Call, records: list[dict[str, Any]]) -> Answer:
    return Answer(200, {"searchRecords": records} if call.version >= _WRAPPED_SINCE else records)


def _of_params(call: Call) -> dict[str, Any]:
    """The parameters of a GET in the form of the body of a POST."""
    asked: dict[str, Any] = {name: call.params[name] for name in ("q", "in") if name in call.params}
    for name in ("defaultLimit", "overallLimit", "offset"):
        if name in call.params:
            asked[name] = _number(name, call.params[name])
    if "fields" in call.params:
        asked["fields"] = call.params["fields"].split(",")
    names = [name for name in call.params.get("sobject", "").split(",") if name]
    asked["sobjects"] = [_of_object(call, name) for name in names]
    return asked


def _of_object(call: Call, name: str) -> dict[str, Any]:
    one: dict[str, Any] = {"name": name}
    for part in ("where", "orderBy"):
        if f"{name}.{part}" in call.params:
            one[part] = call.params[f"{name}.{part}"]
    if f"{name}.fields" in call.params:
        one["fields"] = call.params[f"{name}.fields"].split(",")
    if f"{name}.limit" in call.params:
        one["limit"] = _number("limit", call.params[f"{name}.limit"])
    return one


def _of_json(asked: Mapping[str, Any]) -> Search:
    """The search of a body; every refusal of its form is a guess."""
    words, group = asked.get("q"), asked.get("in", "ALL")
    if not isinstance(words, str) or not words.strip():
        raise sosl.malformed("q is required")
    if not isinstance(group, str) or group.lower() not in sosl.GROUPS:
        raise SalesforceError("INVALID_SEARCH_SCOPE", f"in is not a search group: {group}")
    given = asked.get("sobjects", [])
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise sosl.malformed("sobjects is a list of objects")
    returned = tuple(_returned(one, asked) for one in given)
    if not returned and "fields" in asked:
        raise sosl.malformed("fields need sobjects")
    limit = asked.get("overallLimit")
    return Search(
        sosl.condition(words),
        group.lower(),
        returned,
        None if limit is None else _number("overallLimit", limit),
    )


def _returned(one: Mapping[str, Any], asked: Mapping[str, Any]) -> Returned:
    fields = one.get("fields") or asked.get("fields") or ["Id"]
    listed = ", ".join(map(str, fields)) if isinstance(fields, list) else ""
    if not _FIELDS.fullmatch(listed):
        raise sosl.malformed(f"fields is a list of names: {fields}")
    name = str(one.get("name", ""))
    order, limit = one.get("orderBy"), one.get("limit", asked.get("defaultLimit"))
    rest = f"ORDER BY {order} " if order else ""
    if limit is not None:
        rest += f"LIMIT {_number('limit', limit)} "
    if asked.get("offset") is not None:
        rest += f"OFFSET {_number('offset', asked['offset'])}"
    return Returned(name, listed, str(one.get("where") or ""), rest)


def _number(name: str, value: object) -> int:
    text = str(value)
    if isinstance(value, bool) or not re.fullmatch(r"\d{1,4}", text) or int(text) > _MOST:
        # code and text: guess
        raise SalesforceError("INVALID_PARAMETER", f"{name} must be at most {_MOST}: {value}")
    return int(text)


_ELSEWHERE: Final = "<any(layout, scopeOrder, suggestSearchQueries, suggestions):what>"
ROUTES: Final = (
    Route("/search", read(_search)),
    Route("/parameterizedSearch", each(_parameterized, "GET", "HEAD", "POST")),
    Route(f"/search/{_ELSEWHERE}", each(_elsewhere, *EVERY), served=False),
    Route(f"/search/{_ELSEWHERE}/<path:_rest>", each(_elsewhere, *EVERY), served=False),
)
