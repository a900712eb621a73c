"""Rows of a Bulk job written to the org, one by one, under the rules of the platform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.base import ids
from provisioner.emulator.base.errors import SalesforceError, ambiguous
from provisioner.emulator.rules import recycle_bin, repeated_keys, save

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from provisioner.emulator.schema.objects import Field, SObject
    from provisioner.emulator.store.org import Org

CHUNK: Final = 200  # rows in one transaction (guide, "How Requests Are Processed")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one row."""

    id: str | None
    created: bool = False
    error: SalesforceError | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """What a job does with rows: for whom, which operation, on which object, by which key."""

    org: Org
    by: str
    operation: str
    sobject: SObject
    key: Field | None = None

    def write(self, records: Iterable[Mapping[str, Any] | SalesforceError]) -> list[Outcome]:
        """Writes one chunk in one transaction; a row that is refused leaves the others alone.

        A record that is an error already stays one.
        """
        rows = list(records)
        twice = self._twice(rows)
        with self.org.transaction():
            return [self._one(record, twice) for record in rows]

    def _twice(self, rows: Sequence[Mapping[str, Any] | SalesforceError]) -> frozenset[str]:
        if self.operation not in {"update", "upsert"}:
            return repeated_keys.NONE
        name = self._named()
        wanted = name.lower()
        return repeated_keys.of(
            (
                row[name] if name in row else repeated_keys.value(row, wanted)
                for row in rows
                if not isinstance(row, SalesforceError)
            ),
            name,
        )

    def _named(self) -> str:
        return self.key.name if self.key is not None and self.operation == "upsert" else "Id"

    def _one(self, record: Mapping[str, Any] | SalesforceError, twice: frozenset[str]) -> Outcome:
        if isinstance(record, SalesforceError):
            return Outcome(None, error=record)
        given = repeated_keys.value(record, "id")
        try:
            match self.operation:
                case "insert":
                    if given is not None:
                        raise SalesforceError(  # public logs of real orgs [V]
                            "INVALID_FIELD_FOR_INSERT_UPDATE",
                            "cannot specify Id in an insert call",
                            ("Id",),
                        )
                    return self._create(record)
                case "update":
                    repeated_keys.check(given, "Id", twice)
                    return self._update(given, record)
                case "upsert":
                    return self._upsert(record, given, twice)
                case _:
                    return self._delete(given)
        except SalesforceError as error:
            shown = str(given) if given else None
            if error.code == "NOT_FOUND":
                # As results of real jobs say it for an id that nothing has.
                error = SalesforceError(
                    "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ()
                )
            return Outcome(shown, error=error)

    def _create(self, record: Mapping[str, Any]) -> Outcome:
        return Outcome(save.create(self.org, self.by, self.sobject, record), created=True)

    def _update(self, given: Any, record: Mapping[str, Any]) -> Outcome:
        id_ = self._id(given, "update")
        rest = {name: value for name, value in record.items() if name.lower() != "id"}
        save.update(self.org, self.by, self.sobject, id_, rest)
        return Outcome(id_)

    def _delete(self, given: Any) -> Outcome:
        id_ = self._id(given, "delete")
        save.delete(self.org, self.by, self.sobject, id_)
        if self.operation == "hardDelete" and self.sobject.soft_delete:
            recycle_bin.remove(self.org, id_)
        return Outcome(id_)

    def _upsert(self, record: Mapping[str, Any], given: Any, twice: frozenset[str]) -> Outcome:
        key = self.key
        assert key is not None, "an upsert has a key"
        if key.type == "id":
            if given is not None:
                repeated_keys.check(given, "Id", twice)
                return self._update(given, record)
            return self._create({n: v for n, v in record.items() if n.lower() != "id"})
        value = repeated_keys.value(record, key.name.lower())
        if value is None:  # as remembered of real orgs [U]
            raise SalesforceError("MISSING_ARGUMENT", f"{key.name} not specified", (key.name,))
        repeated_keys.check(value, key.name, twice)
        found = self.org.find(self.sobject.name, **{key.name: value})
        if len(found) > 1:
            raise ambiguous(key.label, key.name, found)
        if not found:
            return self._create(record)
        rest = {name: v for name, v in record.items() if name.lower() != key.name.lower()}
        return self._update(found[0], rest)

    def _id(self, given: Any, verb: str) -> str:
        if given is None:
            raise SalesforceError(  # of an update: recorded, amp-labs/connectors [V]; else [I]
                "MISSING_ARGUMENT", f"Id not specified in {_article(verb)} {verb} call", ()
            )
        id_ = ids.normal(str(given).strip())
        if id_ is None or id_[:3] != self.sobject.prefix:
            raise SalesforceError("MALFORMED_ID", f"bad id {given}", ())  # real jobs [Q]
        return id_


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"
