"""Metadata components over SOAP: list, read, create, edit, rename, delete.

The envelopes are built and read with lxml, and not with simple-salesforce's `mdapi`: its zeep
client takes half a second to build, needs a session of its own, and raises a bare `Exception` for a
refusal, with only the text of the response. (facts
515 and 530)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar, cast
from urllib.parse import unquote

import requests
from lxml import etree

from provisioner.kinds import reads_one_at_a_time, xml
from provisioner.kinds import xml_edit as components
from provisioner.kinds.layout.xml import NoPlaceError
from provisioner.model.operations import Component
from provisioner.model.resource import Value
from provisioner.org import shapes
from provisioner.org.collections import Answer
from provisioner.org.error_mapping import refused
from provisioner.org.errors import NoAnswer, OrgError, Refused, refusal
from provisioner.org.rest import VERSION
from provisioner.org.transport import Send, Transport

_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_NS = {"s": _SOAP, "m": xml.NAMESPACE}
# The type stubs of lxml do not have the key of the default namespace.
_PREFIXES = cast("Mapping[str, str]", {None: xml.NAMESPACE, "soapenv": _SOAP, "xsi": _XSI})
# Fact 515, and fact 529 for those that are read one at a time.
_LISTED_AT_ONCE, _READ_AT_ONCE = 3, 10
# As large as a profile, but no kind.
_PERMISSION_SET = "PermissionSet"
_SESSION_ID = xml.tag("sessionId")


T = TypeVar("T")
Edits = Mapping[str, Value]
NamedEdits = tuple[str, Edits]


class Metadata:
    """One org's components."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._url = f"{transport.instance_url}/services/Soap/m/{VERSION}"

    def listed(self, types: Sequence[str]) -> list[Component]:
        """The components of these types, by type and full name. The org may lack some types."""
        batches = list(_chunks(tuple(dict.fromkeys(types)), _LISTED_AT_ONCE))
        components_of_types: list[Component] = []
        while batches:
            batch = batches.pop(0)
            try:
                components_of_types += self._list(batch)
            except Refused as error:
                if error.code != "INVALID_TYPE":
                    raise
                batches = [*_without(batch, error.message), *batches]
        return sorted(components_of_types, key=lambda c: (c.type, c.full_name))

    def read(self, type_: str, full_names: Sequence[str]) -> dict[str, bytes]:
        """The components that exist, by the names that were passed."""
        alone = type_ == _PERMISSION_SET or reads_one_at_a_time(type_)
        size = 1 if alone else _READ_AT_ONCE
        xml_by_name: dict[str, bytes] = {}
        for names in _chunks(tuple(dict.fromkeys(full_names)), size):
            try:
                arguments = (*_texts("type", type_), *_texts("fullNames", *names))
                xml_by_name |= self._read("readMetadata", arguments, partial(_records, names=names))
            except Refused as error:
                if error.code == "INVALID_TYPE":
                    return {}
                raise
        return {name: xml_by_name[name] for name in full_names if name in xml_by_name}

    def create(self, type_: str, new: Sequence[NamedEdits]) -> list[Answer]:
        """Create at most ten components. Returns the Id of each, or its error."""
        built = [components.built(type_, name, elements) for name, elements in new]
        return self._create(type_, [name for name, _ in new], built)

    def clone(self, type_: str, copies: Sequence[tuple[str, str, Edits]]) -> list[Answer]:
        """Create components as copies of existing ones, from (source, new name, edits) of each."""
        sources = self.read(type_, [source for source, _, _ in copies])
        built: list[bytes | Refused] = []
        for source, name, edits in copies:
            if source not in sources:
                built.append(_gone(type_, source))
                continue
            try:
                built.append(components.copied(type_, sources[source], name, edits))
            except NoPlaceError as error:
                built.append(_no_place(error))
        return self._create(type_, [name for _, name, _ in copies], built)

    def edit(self, type_: str, edits_by_name: Sequence[tuple[str, Edits]]) -> list[Answer]:
        """Read at most ten components and change only what the edits name.

        A component that already has these values is not sent.
        """
        fresh = self.read(type_, [name for name, _ in edits_by_name])
        built: list[bytes | Refused | None] = []
        for name, edits in edits_by_name:
            if name not in fresh:
                built.append(_gone(type_, name))
                continue
            try:
                edited = components.edited(type_, fresh[name], edits)
            except NoPlaceError as error:
                built.append(_no_place(error))
                continue
            same = _canonical(edited) == _canonical(fresh[name])
            built.append(None if same else components.update(type_, fresh[name], edits))
        return self._save("updateMetadata", built)

    def rename(self, type_: str, old: str, new: str) -> Answer:
        texts = (("type", type_), ("oldFullName", old), ("newFullName", new))
        arguments = [e for name, v in texts for e in _texts(name, v)]
        return self._results("renameMetadata", arguments, 1)[0]

    def delete(self, type_: str, full_names: Sequence[str]) -> list[Answer]:
        arguments = [*_texts("type", type_), *_texts("fullNames", *full_names)]
        return self._results("deleteMetadata", arguments, len(full_names))

    def _list(self, types: Sequence[str]) -> list[Component]:
        queries = [etree.Element(xml.tag("queries")) for _ in types]
        for query, type_ in zip(queries, types, strict=True):
            query.extend(_texts("type", type_))
        arguments = (*queries, *_texts("asOfVersion", VERSION))
        return self._read("listMetadata", arguments, partial(_listed, types=types))

    def _create(
        self, type_: str, names: Sequence[str], built: Sequence[bytes | Refused | None]
    ) -> list[Answer]:
        answers = self._save("createMetadata", built)
        if all(answers):
            return answers
        # The answer to a create has no Id.
        try:
            ids = {_plain(c.full_name): c.id for c in self.listed((type_,))}
        except OrgError:
            ids = {}
        return [
            answer or _made(type_, name, ids) for answer, name in zip(answers, names, strict=True)
        ]

    def _read(
        self,
        operation: str,
        arguments: Sequence[etree._Element],
        read: Callable[[etree._Element], T],
    ) -> T:
        return self._transport.read(
            self._sending(operation, arguments), self._reading(operation, read)
        )

    def _save(self, operation: str, built: Sequence[bytes | Refused | None]) -> list[Answer]:
        """Send the components that are there; the answers of all, in order."""
        sent = [_metadata(component) for component in built if isinstance(component, bytes)]
        results = iter(self._results(operation, sent, len(sent)) if sent else ())
        return [next(results) if isinstance(component, bytes) else component for component in built]

    def _results(
        self, operation: str, arguments: Sequence[etree._Element], count: int
    ) -> list[Answer]:
        def read(answer: etree._Element) -> list[Answer]:
            results = answer.findall("m:result", _NS)
            if len(results) != count:
                raise shapes.UnexpectedError(f"it has {len(results)} results for {count}")
            return [None if _succeeded(result) else _refusal(result) for result in results]

        send = self._sending(operation, arguments)
        return self._transport.write(send, self._reading(operation, read))

    def _reading(
        self, operation: str, read: Callable[[etree._Element], T]
    ) -> Callable[[requests.Response], T]:
        def parse(reply: requests.Response) -> T:
            return read(_answer(reply.status_code, reply.content, operation, self._transport.host))

        return parse

    def _sending(self, operation: str, arguments: Iterable[etree._Element]) -> Send:
        headers = {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": '""'}
        envelope = etree.Element(f"{{{_SOAP}}}Envelope", nsmap=_PREFIXES)
        header = etree.SubElement(envelope, f"{{{_SOAP}}}Header")
        session = etree.SubElement(etree.SubElement(header, xml.tag("SessionHeader")), _SESSION_ID)
        body = etree.SubElement(envelope, f"{{{_SOAP}}}Body")
        etree.SubElement(body, xml.tag(operation)).extend(arguments)

        def send() -> requests.Response:
            session.text = self._transport.token.reveal()
            data = etree.tostring(envelope, xml_declaration=True, encoding="UTF-8")
            return self._transport.session.post(self._url, data=data, headers=headers)

        return send


@dataclass(frozen=True, slots=True)
class _Problem:
    code: str
    message: str
    fields: tuple[str, ...]


def _answer(status: int, content: bytes, operation: str, host: str) -> etree._Element:
    """The answer to an operation. Raises OrgError for a fault, and for what is not SOAP."""
    try:
        root = xml.parse(content)
    except etree.XMLSyntaxError:
        root = None
    body = None if root is None else root.find("s:Body", _NS)
    if body is None or len(body) == 0:
        raise refused(status, "", host)
    fault = body.find("s:Fault", _NS)
    if fault is None:
        if status >= 300 or body[0].tag != xml.tag(f"{operation}Response"):
            raise shapes.UnexpectedError("it is not the answer to this operation")
        return body[0]
    code = (fault.findtext("faultcode") or "").rpartition(":")[2]
    message = (fault.findtext("faultstring") or "").removeprefix(f"{code}:").strip()
    raise refusal(code, message, status=status)


def _listed(answer: etree._Element, types: Sequence[str]) -> list[Component]:
    results = answer.findall("m:result", _NS)
    if not {result.findtext("m:type", "", _NS) for result in results} <= set(types):
        raise shapes.UnexpectedError("it lists components of other types")
    return [
        Component(
            type=result.findtext("m:type", "", _NS),
            full_name=shapes.text(result.findtext("m:fullName", "", _NS), "`fullName`"),
            id=result.findtext("m:id", "", _NS),
            modified_by=result.findtext("m:lastModifiedByName", "", _NS),
            modified=result.findtext("m:lastModifiedDate", "", _NS),
        )
        for result in results
    ]


def _succeeded(result: etree._Element) -> bool:
    match result.findtext("m:success", "", _NS):
        case "true":
            return True
        case "false":
            return False
        case _:
            raise shapes.UnexpectedError("`success` is not true or false")


def _refusal(result: etree._Element) -> OrgError:
    """The errors of one result as one refusal, under the code of the first."""
    problems = [
        _Problem(
            error.findtext("m:statusCode", "", _NS),
            error.findtext("m:message", "", _NS),
            tuple(field.text or "" for field in error.iterfind("m:fields", _NS)),
        )
        for error in result.iterfind("m:errors", _NS)
    ]
    return refusal(
        problems[0].code if problems else "UNKNOWN_EXCEPTION",
        "; ".join(dict.fromkeys(p.message for p in problems)),
        dict.fromkeys(field for p in problems for field in p.fields),
    )


def _records(answer: etree._Element, names: Sequence[str]) -> dict[str, bytes]:
    """The records by the names they were asked by; what is not there comes as nil."""
    xml_by_name: dict[str, bytes] = {}
    records = answer.findall("m:result/m:records", _NS)
    if len(records) != len(names):
        # What is missing must not be taken for a component that does not exist.
        raise shapes.UnexpectedError(f"it has {len(records)} records for {len(names)}")
    for record in records:
        full_name = record.findtext("m:fullName", None, _NS)
        asked = next((name for name in names if full_name and _same(name, full_name)), None)
        if asked is not None:
            xml_by_name[asked] = etree.tostring(record, with_tail=False)
    return xml_by_name


def _same(name: str, other: str) -> bool:
    """Whether two full names are of one component.

    Salesforce compares them without case, and percent-encodes what is special in them.
    (fact 512)
    """
    return _plain(name) == _plain(other)


def _plain(full_name: str) -> str:
    return unquote(full_name).casefold()


def _without(types: Sequence[str], message: str) -> list[tuple[str, ...]]:
    """What of `types` is to be listed after one of them was refused by `message`.

    The message names the one that the org does not offer. (fact 509)
    """
    if len(types) == 1:
        return []
    named = [t for t in types if t in message.replace(":", " ").split()]
    if len(named) == 1:
        return [tuple(t for t in types if t not in named)]
    return [(t,) for t in types]


def _no_place(error: NoPlaceError) -> Refused:
    return Refused("NO_SUCH_PLACE", str(error))


def _gone(type_: str, full_name: str) -> Refused:
    # The code that Salesforce has for it when it is to be deleted. (fact 338)
    code = "INVALID_CROSS_REFERENCE_KEY"
    return Refused(code, f"the org has no {type_} named `{full_name}`")


def _made(type_: str, full_name: str, ids: Mapping[str, str]) -> str | NoAnswer:
    if id_ := ids.get(_plain(full_name)):
        return id_
    message = f"the {type_} `{full_name}` was created, but its Id could not be read"
    return NoAnswer("", message, transient=False)


def _canonical(component: bytes) -> bytes:
    return etree.tostring(xml.parse(component), method="c14n")


def _metadata(component: bytes) -> etree._Element:
    """A component as the argument of a create or an update, whatever element it came in."""
    source = xml.parse(component)
    type_ = source.get(f"{{{_XSI}}}type", "").rpartition(":")[2]
    element = etree.Element(
        xml.tag("metadata"),
        {f"{{{_XSI}}}type": type_},
        nsmap=_PREFIXES,
    )
    element.extend(source)
    return element


def _texts(name: str, *values: str) -> list[etree._Element]:
    elements = [etree.Element(xml.tag(name)) for _ in values]
    for element, value in zip(elements, values, strict=True):
        element.text = value
    return elements


def _chunks(names: Sequence[str], size: int) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(names), size):
        yield tuple(names[start : start + size])
