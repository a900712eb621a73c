"""`/composite/tree/X`: nested records made in one call, all of them or none."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.access import visible
from provisioner.emulator.base.errors import SalesforceError, not_found
from provisioner.emulator.http.call import Answer, Call
from provisioner.emulator.http.routes import Route
from provisioner.emulator.rules import save
from provisioner.emulator.schema import objects
from provisioner.emulator.store.database import Rollback

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.emulator.schema.objects import Catalog, SObject

# Limits: fact 738 and the REST guide, "Create Multiple Records"; codes and texts of
# their refusals but for those about reference ids: guess.
_MOST_RECORDS: Final = 200
_MOST_TYPES: Final = 5
_DEEPEST: Final = 5


class _Refused(Exception):  # noqa: N818 - leaves the tree, never this module
    """The refusal of a tree for the record with this reference id."""

    def __init__(self, reference: str, message: str) -> None:
        super().__init__(message)
        self.results = [{"referenceId": reference, "errors": [_invalid(message).collection()]}]


class _Node:
    """One record of the tree: its object, its values, and what hangs below it."""

    def __init__(self, sobject: SObject, reference: str, values: dict[str, Any]) -> None:
        self.sobject = sobject
        self.reference = reference
        self.values = values
        self.below: list[tuple[str, _Node]] = []

    def every(self) -> Iterator[_Node]:
        """This record and all below it."""
        yield self
        for _, node in self.below:
            yield from node.every()


def _tree(call: Call, name: str) -> Answer:
    """The answer to a tree of records of the object `name`."""
    known = visible.catalog(call.org, call.by, call.version)
    top = known.get(name)
    if top is None:
        raise not_found()
    given = _list(call.json().get("records"))
    try:
        trees = [_node(known, record, top, 1) for record in given]
    except _Refused as refused:
        return Answer(400, {"hasErrors": True, "results": refused.results})
    nodes = [node for tree in trees for node in tree.every()]
    _check(nodes)
    twice = _twice(nodes)
    if twice:
        return Answer(400, {"hasErrors": True, "results": twice})
    results: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    try:
        with call.org.transaction():
            for tree in trees:
                _save(call, tree, results, failed)
            if failed:
                raise Rollback
    except Rollback:
        return Answer(400, {"hasErrors": True, "results": failed})
    return Answer(201, {"hasErrors": False, "results": results})


def _node(known: Catalog, record: Any, wanted: SObject, depth: int) -> _Node:
    attributes = record.get("attributes") if isinstance(record, dict) else None
    if not isinstance(attributes, dict):
        raise _invalid("Include attributes for each record in the request.")
    reference = attributes.get("referenceId")
    if not isinstance(reference, str) or not reference:
        # this and the next: as a public client's comment quotes real answers [Q]
        raise _invalid("Include a reference ID for each record in the request.")
    if not attributes.get("type"):
        raise _Refused(reference, "Include an entity type for each record in the request.")
    if str(attributes["type"]).lower() != wanted.name.lower():
        raise _invalid(f"Each record here must be of the type {wanted.name}.")
    if depth > _DEEPEST:
        raise _invalid(f"Records can be nested at most {_DEEPEST} levels deep.")
    children = {
        field.child.lower(): (sobject, field)
        for sobject, field in known.children(wanted.name)
        if field.child
    }
    made = _Node(wanted, reference, {})
    for name, value in record.items():
        child = children.get(name.lower())
        if child is not None and isinstance(value, dict):
            sobject, field = child
            made.below += [
                (field.name, _node(known, inner, sobject, depth + 1))
                for inner in _list(value.get("records"))
            ]
        elif name != "attributes":
            made.values[name] = value
    return made


def _check(nodes: list[_Node]) -> None:
    if len(nodes) > _MOST_RECORDS:
        raise _invalid(f"At most {_MOST_RECORDS} records are allowed in one request.")
    types = {node.sobject.name for node in nodes}
    if len(types) > _MOST_TYPES:
        raise _invalid(f"At most {_MOST_TYPES} different types are allowed in one request.")
    if len(types) > 1 and objects.SETUP_OBJECTS & types:  # fact 331
        raise SalesforceError(
            "MIXED_DML_OPERATION",
            "You can't create records for multiple object types in one call when one of the types"
            " is related to a feature in the Salesforce Setup area",
        )


def _twice(nodes: list[_Node]) -> list[dict[str, Any]]:
    """The results of reference ids that several records have.

    Recorded: comments in public clients, and amp-labs/connectors' err-bad-request-on-second.json
    [V].
    """
    times = Counter(node.reference for node in nodes)
    error = _invalid("Duplicate ReferenceId provided in the request.").collection()
    return [{"referenceId": name, "errors": [error]} for name, n in times.items() if n > 1]


def _save(
    call: Call, node: _Node, results: list[dict[str, Any]], failed: list[dict[str, Any]]
) -> None:
    try:
        id_ = save.create(call.org, call.by, node.sobject, node.values)
    except SalesforceError as error:
        failed.append({"referenceId": node.reference, "errors": [error.collection()]})
        return
    results.append({"referenceId": node.reference, "id": id_})
    for field, child in node.below:
        child.values[field] = id_
        _save(call, child, results, failed)


def _list(found: Any) -> list[Any]:
    if not isinstance(found, list):
        raise SalesforceError("JSON_PARSER_ERROR", "records must be a list of objects")  # guess
    return found


def _invalid(message: str) -> SalesforceError:
    return SalesforceError("INVALID_INPUT", message)  # guess


ROUTES: Final = (Route("/composite/tree/<name>", {"POST": _tree}),)
