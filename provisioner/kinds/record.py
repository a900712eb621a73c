"""Kinds whose resources are records of one sObject: accounts, contacts, users."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from provisioner.kinds.base import (
    Context,
    Declared,
    FindDesired,
    Kind,
    LiveResources,
    NamedQueries,
    Reference,
    Removal,
    candidates,
)
from provisioner.kinds.matching import Matcher, Row, pair
from provisioner.kinds.org_facts import FIELDS_OF_THE_PORTAL, UPDATE_ONLY, FieldInfo, OrgFacts
from provisioner.model.canonical import TRUTH_VALUES, canonical
from provisioner.model.change import Action, Change
from provisioner.model.operations import (
    Call,
    CreateRecord,
    DeleteRecord,
    Select,
    UpdateRecord,
    UpsertRecord,
)
from provisioner.model.plan import Note, NoteKind
from provisioner.model.resource import (
    Address,
    FieldSpans,
    Lookup,
    Ref,
    Resource,
    Scalar,
    Spec,
    Value,
)

# Read with every record, so that drift can report who changed it and when, and two records with
# the same key can be told apart.
_AUDIT_FIELDS = (
    "CreatedDate",
    "LastModifiedDate",
    "LastModifiedBy.Name",
    "LastModifiedBy.Username",
)
_RIGHTS: Mapping[Action, tuple[str, str]] = {
    Action.CREATE: ("createable", "create"),
    Action.UPDATE: ("updateable", "edit"),
    Action.DELETE: ("deletable", "delete"),
}


class RecordKind(Kind):
    """A kind that declares its sObject, its references and its natural keys, best first.

    Its answers have `rows`: every record that may match one of the resources, and others.
    """

    sobject: ClassVar[str]
    natural: ClassVar[tuple[str, ...]]
    """The fields that identify a record, best first; the last is the one that `was:` renames."""
    always: ClassVar[tuple[str, ...]] = ()
    """The fields that are read of every record, for comparisons and checks."""
    instructions: ClassVar[frozenset[str]] = frozenset({"was", "remove"})
    """The keys of a spec that are not fields of the record."""
    key_in_schema: ClassVar[bool] = True
    """Whether the schema requires a natural key of every resource that is not removed."""
    salesforce_rejects_second: ClassVar[bool] = False
    """Whether Salesforce rejects a second create with the same natural key."""
    needs_setup_facts = False
    recheck_before_create = True

    def __init__(self) -> None:
        self._references = {r.name: r for r in self.references}
        self._paths_of: dict[tuple[str, ...], Mapping[str, tuple[str, ...]]] = {}

    # ------------------------------------------------------------ from the spec

    def desired(self, spec: Spec, declared: Declared) -> Resource:
        data = spec.data
        paths = self._paths(tuple(data))
        fields: dict[str, Value] = {}
        for api_name, path in paths.items():
            if len(path) > 1:
                continue
            value, reference = data[path[0]], self._references.get(path[0])
            plain = reference is None and not isinstance(value, Mapping)
            fields[api_name] = value if plain else _referred(value, reference, declared)
        was = data.get("was")
        return Resource(
            spec.address,
            fields,
            written=fields,
            spans=FieldSpans(spec, paths if was is None else {**paths, "was": ("was",)}),
            was=None if was is None else str(was),
            remove=data.get("remove") is True,
        )

    def _paths(self, names: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
        """The path of each field in a spec with these keys, which many specs have in common."""
        paths = self._paths_of.get(names)
        if paths is None:
            paths = self._paths_of[names] = self.paths(names)
        return paths

    def paths(self, names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        """The fields that a spec with these keys sets, each with its path in the spec."""
        references = self._references
        fields = (name for name in names if name not in self.instructions)
        return {references[n].api_name if n in references else n: (n,) for n in fields}

    def unique_name(self, spec: Spec) -> tuple[str, tuple[str, ...]] | None:
        # A better key identifies the record, and others may have its name.
        better = any(spec.data.get(key) for key in self.natural[:-1])
        name = spec.data.get(self.natural[-1])
        if better or not self.name_is_unique or not isinstance(name, str):
            return None
        return name.strip(), (self.natural[-1],)

    def identifying_keys(
        self, data: Mapping[str, Any], external: str | None
    ) -> Iterator[tuple[str, str]]:
        """The fields that identify a record in the org, each with what it is unique within.

        "" stands for the whole org.
        """
        if external and data.get(external):
            yield external, ""
            return
        for key in self.natural:
            if data.get(key):
                yield key, ""
                return

    def renamed_fields(self) -> tuple[str, ...]:
        return (self.natural[-1],)

    # ------------------------------------------------------------ reading

    def described_objects(self, desired: Sequence[Resource]) -> frozenset[str]:
        return frozenset({self.sobject} if desired else ())

    def followup_queries(
        self, desired: Sequence[Resource], facts: OrgFacts, desired_of: FindDesired
    ) -> NamedQueries:
        return {"rows": self.select(desired, facts)}

    def final_queries(
        self, desired: Sequence[Resource], facts: OrgFacts, ids: Mapping[Address, str]
    ) -> NamedQueries:
        users = (n for r in desired for n in self.lookups(r, facts) if n.sobject == "User")
        unknown = any(not facts.lookups[lookup] for lookup in users)
        return {"candidates": candidates(unknown=unknown)}

    def rows(self, facts: OrgFacts) -> tuple[Row, ...]:
        """Every record of the kind that was read."""
        return tuple(facts.answers[self.name]["rows"])

    def conditions(
        self, desired: Sequence[Resource], facts: OrgFacts
    ) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The values of every key field: a row with any of them may match one of `desired`."""
        keys = (*self._external(facts), *self.natural)
        return tuple((key, _values(desired, key, was=key == self.natural[-1])) for key in keys)

    def read_live(
        self,
        desired: Sequence[Resource],
        facts: OrgFacts,
        ids: Mapping[Address, str],
        desired_of: FindDesired,
    ) -> LiveResources:
        rows = self.rows(facts)
        matches, problems = pair(desired, rows, self.matchers(facts, ids))
        info = facts.describe(self.sobject) or {}
        resources = tuple(
            self._live(address, match.row, info) for address, match in matches.items()
        )
        return LiveResources(
            resources, {a: match.matched_by for a, match in matches.items()}, problems
        )

    def matchers(self, facts: OrgFacts, ids: Mapping[Address, str]) -> tuple[Matcher, ...]:
        """The matchers of this kind, best first; the last one uses the former name."""
        keys = (*self._external(facts), *self.natural)
        current = tuple(self.matcher(key, facts) for key in keys)
        return (*current, self.matcher(self.natural[-1], facts, former=True))

    def matcher(self, key: str, facts: OrgFacts, *, former: bool = False) -> Matcher:
        """A matcher that compares the values of one field, as its type compares them."""
        info = facts.describe(self.sobject) or {}
        type_ = _comparable(info[key].type if key in info else "string")

        def key_of_resource(resource: Resource) -> Hashable | None:
            value = resource.was if former else resource.written.get(key)
            return None if value is None else canonical(value, type_)

        name = f"former {key}" if former else key
        return Matcher(name, key_of_resource, lambda row: canonical(row.get(key), type_))

    def select(self, desired: Sequence[Resource], facts: OrgFacts) -> Select:
        info = facts.describe(self.sobject) or {}
        managed = {n for r in desired for n in r.fields if n in info}
        fields = {*managed, *self.natural, *self.always, *self._external(facts), *_AUDIT_FIELDS} - {
            "Id"
        }
        existing = sorted(f for f in fields if f.partition(".")[0] in info or "." in f)
        return Select(self.sobject, ("Id", *existing), self.conditions(desired, facts))

    def _external(self, facts: OrgFacts) -> tuple[str, ...]:
        field = facts.identity.get(self.sobject)
        return (field,) if field and field in (facts.describe(self.sobject) or {}) else ()

    def _live(self, address: Address, row: Row, info: Mapping[str, FieldInfo]) -> Resource:
        return self.augment_live(
            Resource(address, _Canonical(row, info), id=row["Id"], written=row)
        )

    def augment_live(self, live: Resource) -> Resource:
        """A live record with the fields that the kind derives from others."""
        return live

    # ------------------------------------------------------------ comparing

    def lookups(self, resource: Resource, facts: OrgFacts) -> Iterable[Lookup]:
        for name, value in resource.written.items():
            if type(value) is Lookup:
                info = facts.describe(self.sobject) or {}
                target = targeted(value, info.get(name), facts)
                if target.sobject:
                    yield target

    def resolve(
        self,
        resource: Resource,
        facts: OrgFacts,
        ids: Mapping[Address, str],
        desired_of: FindDesired,
    ) -> Resource:
        info = facts.describe(self.sobject) or {}
        written: Mapping[str, Value] = resource.written
        if any(type(value) is Lookup for value in written.values()):
            written = {
                n: targeted(v, info.get(n), facts) if isinstance(v, Lookup) else v
                for n, v in written.items()
            }
        if any(type(value) is str and value in TRUTH_VALUES for value in written.values()):
            written = {n: _truth(v, info.get(n)) for n, v in written.items()}
        fields = {n: _canonical(v, info.get(n), facts, ids) for n, v in written.items()}
        return with_fields(resource, fields, written)

    # ------------------------------------------------------------ being referred to

    def lookup_values(self, resource: Resource) -> Mapping[str, Value]:
        return resource.written

    def enabling_steps(self, resource: Resource, facts: OrgFacts) -> Iterable[Address]:
        fields = FIELDS_OF_THE_PORTAL.get(self.sobject, frozenset())
        if facts.enabling_step and fields & resource.written.keys():
            yield facts.enabling_step
        yield from super().enabling_steps(resource, facts)

    # ------------------------------------------------------------ planning

    def notes(self, change: Change, context: Context) -> Iterable[Note]:
        if change.action is Action.DELETE:
            yield Note(NoteKind.REMARK, "to the recycle bin for 15 days")

    def missing_permissions(self, change: Change, context: Context) -> Iterator[str]:
        right, verb = _RIGHTS[change.action]
        if not context.facts.may(self.sobject, right):
            yield f"to {verb} records of {self.sobject}"

    def recycle_bin_key(self) -> str | None:
        return self.natural[-1] if self.removal is Removal.DELETE else None

    # ------------------------------------------------------------ writing

    def calls(self, change: Change, facts: OrgFacts) -> tuple[Call, ...]:
        sent = {
            f.name: _sent(change.after, f.name) for f in change.fields if self.is_api_field(f.name)
        }
        match change.action:
            case Action.CREATE:
                return self.create_calls(change, sent, facts)
            case Action.UPDATE:
                return (UpdateRecord(self.sobject, _id(change), sent),)
            case Action.DEACTIVATE:
                return (UpdateRecord(self.sobject, _id(change), {"IsActive": False}),)
            case Action.DELETE:
                return (DeleteRecord(self.sobject, _id(change)),)

    def is_api_field(self, name: str) -> bool:
        """Whether a compared field is a field of the record."""
        return True

    def create_calls(
        self, change: Change, sent: Mapping[str, Value], facts: OrgFacts
    ) -> tuple[Call, ...]:
        """A create, then an update with the fields that can only be updated.

        With an external id the create is an upsert, which creates no second record if it is sent
        again. `Account.IsPartner` can only be updated: `createable: false, updateable: true`.
        (fact 401)
        """
        info = facts.describe(self.sobject) or {}
        late = {n: v for n, v in sent.items() if _only_updated(n, info.get(n))}
        now = {n: v for n, v in sent.items() if n not in late}
        key = facts.identity.get(self.sobject, "")
        value = now.get(key)
        create: Call = CreateRecord(self.sobject, now, unique=self.salesforce_rejects_second)
        if key in info and info[key].external_id and isinstance(value, str | int | float):
            rest = {name: sent for name, sent in now.items() if name != key}
            create = UpsertRecord(self.sobject, key, value, rest)
        if not late:
            return (create,)
        return create, UpdateRecord(self.sobject, Ref(change.address), late)


def _only_updated(name: str, info: FieldInfo | None) -> bool:
    # A field that enabling the portal creates cannot be described before.
    return name in UPDATE_ONLY if info is None else info.updateable and not info.createable


def with_fields(
    resource: Resource,
    fields: Mapping[str, Value],
    written: Mapping[str, Value],
    defaults: frozenset[str] = frozenset(),
) -> Resource:
    """The resource with other values: `dataclasses.replace`, at a tenth of its cost."""
    return Resource(
        resource.address,
        fields,
        resource.id,
        written,
        resource.spans,
        resource.needs,
        resource.was,
        resource.copied,
        resource.remove,
        defaults or resource.defaults,
    )


def referenced(change: Change, name: str) -> Hashable:
    """What a reference field of a change refers to: an address, an Id, a lookup, or `None`."""
    for side in (change.after, change.before):
        value = side.written.get(name) if side else None
        if value is not None:
            return value.to if isinstance(value, Ref) else value
    return None


class _Canonical(Mapping[str, Value]):
    """The fields of a row in the form in which they are compared, computed on access."""

    __slots__ = ("_info", "_row")

    def __init__(self, row: Row, info: Mapping[str, FieldInfo]) -> None:
        self._row = row
        self._info = info

    def __getitem__(self, name: str) -> Value:
        value: Value = self._row[name]
        info = self._info.get(name)
        return canonical(value, info.type) if info else value

    def __contains__(self, name: object) -> bool:
        return name in self._row

    def __iter__(self) -> Iterator[str]:
        return iter(self._row)

    def __len__(self) -> int:
        return len(self._row)


def _referred(value: Any, reference: Reference | None, declared: Declared) -> Value:
    if isinstance(value, Mapping):
        where = tuple(sorted(value["find"].items()))
        return Lookup(reference.sobject if reference else "", where)
    if reference is None or value is None:
        plain: Scalar = value
        return plain
    address = declared.resolve(reference.kind, str(value))
    return Ref(address) if address else _lookup(reference.sobject, reference.key, str(value))


@functools.lru_cache(maxsize=10_000)
def _lookup(sobject: str, key: str, value: str) -> Lookup:
    """One object for all who look up the same."""
    return Lookup(sobject, ((key, value),))


def _values(desired: Sequence[Resource], key: str, *, was: bool) -> tuple[str, ...]:
    values = [r.written.get(key) for r in desired]
    if was:
        values += [r.was for r in desired]
    # Only text can be a key: a lookup is never a key.
    return tuple(sorted({str(v).strip() for v in values if isinstance(v, str | int) and str(v)}))


def _comparable(type_: str) -> str:
    # SOQL compares text without case, so a name differing in case alone is the same name.
    return "email" if type_ in ("string", "email", "phone", "url", "textarea") else type_


def targeted(value: Lookup, info: FieldInfo | None, facts: OrgFacts) -> Lookup:
    """A `{find: ...}` on a plain field looks in the sObject that the field refers to.

    A profile that is still to come is looked up by its name in records, whichever of its
    two names the spec has.
    """
    if not value.sobject and info and info.reference_to:
        return replace(value, sobject=info.reference_to[0])
    pending = facts.pending_profile(str(value.where[0][1])) if value.sobject == "Profile" else None
    return replace(value, where=(("Name", pending.name),)) if pending else value


def _truth(value: Value, info: FieldInfo | None) -> Value:
    """The text of an export as the boolean that it is; custom fields are known from the org."""
    if not isinstance(value, str) or info is None or info.type != "boolean":
        return value
    return TRUTH_VALUES.get(value, value)


def _canonical(
    value: Value, info: FieldInfo | None, facts: OrgFacts, ids: Mapping[Address, str]
) -> Value:
    if isinstance(value, Ref):
        return ids.get(value.to, value)
    if isinstance(value, Lookup):
        # A `{find: ...}` on a field that refers to nothing is looked up nowhere.
        return (facts.id_of(value) if value.sobject else None) or value
    return canonical(value, info.type if info else _type_of(value))


def _type_of(value: Value) -> str:
    return "boolean" if isinstance(value, bool) else "string"


def _sent(resource: Resource, name: str) -> Value:
    """What the API is sent: the value as written, a reference as its Id where it is known."""
    shown = resource.shown(name)
    if isinstance(shown, float) and shown.is_integer():
        # `5.0` is the number 5, and Salesforce's parser takes no fraction for an int.
        return int(shown)
    return resource.fields[name] if isinstance(shown, Ref | Lookup) else shown


def _id(change: Change) -> str:
    assert change.before is not None
    assert change.before.id is not None, "what is changed was read, and has an Id"
    return change.before.id
