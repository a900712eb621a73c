"""A metadata type whose components are rows of `store.components`: what such types have in common.

A kind says what its values must be and what is kept of them; see `registry.Kind` for the
promises of the calls.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, ClassVar, Final

from provisioner.emulator.base.component_refusals import no_such, refused
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.store import components
from provisioner.emulator.store.components import Listed

if TYPE_CHECKING:
    from provisioner.emulator.schema.wsdl import Value
    from provisioner.emulator.store.components import Row
    from provisioner.emulator.store.org import Org

DEVELOPER_NAME: Final = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*")


class Listing:
    """The half that only looks: how components are listed, read and found."""

    name: ClassVar[str]
    directory: ClassVar[str]
    suffix: ClassVar[str]

    def list(self, org: Org) -> list[Listed]:
        rows = components.rows(org, self.name)
        return [Listed(row.id, row.full_name, row.stamp) for row in rows]

    def read(self, org: Org, full_name: str) -> Value | None:
        row = components.by_name(org, self.name, full_name)
        return None if row is None else {"fullName": row.full_name} | self._shown(org, row)

    def existing(self, org: Org, full_name: str) -> Row:
        """The component of that name; raises INVALID_CROSS_REFERENCE_KEY."""
        row = components.by_name(org, self.name, full_name)
        if row is None:
            # wording as certinia/apex-mdapi issue 86 has it for list views [V]
            raise no_such("fullName", self.name, full_name, fields=())
        return row

    def _shown(self, _org: Org, row: Row) -> Value:
        """The values of a component as the metadata has them, its name apart."""
        values: Value = json.loads(row.body)
        return values


class StoredKind(Listing):
    """A type whose components are made, replaced, renamed and removed as wholes.

    `noun` is what its refusals and the setup audit trail call one of them, `section` the
    trail's; the words of both are a guess.
    """

    prefix: ClassVar[str]
    noun: ClassVar[str]
    section: ClassVar[str]
    pattern: ClassVar[re.Pattern[str]] = DEVELOPER_NAME

    def create(self, org: Org, values: Value, by: str) -> None:
        """Makes a component; DUPLICATE_VALUE when its name is taken."""
        self._may_write(org, by)
        name = values["fullName"]
        if not self.pattern.fullmatch(name):
            raise refused(f"{name} is not a valid name of a {self.noun}", "fullName")
        if components.by_name(org, self.name, name) is not None:
            raise SalesforceError(  # guess
                "DUPLICATE_VALUE",
                f"A {self.noun} with the name {name} already exists",
                ("fullName",),
            )
        self._insert(org, by, name, self._checked(org, values, None))
        self._audit(org, by, "Created", name)

    def update(self, org: Org, values: Value, by: str) -> None:
        """Replaces a component: an element left out becomes empty (guess, as of portals)."""
        self._may_write(org, by)
        row = self.existing(org, values["fullName"])
        self._replace(org, by, row, row.full_name, self._checked(org, values, row))
        self._audit(org, by, "Changed", row.full_name)

    def delete(self, org: Org, full_name: str, by: str) -> None:
        """Removes a component."""
        self._may_write(org, by)
        row = self.existing(org, full_name)
        self._check_free(org, row)
        self._remove(org, by, row)
        self._audit(org, by, "Deleted", row.full_name)

    def rename(self, org: Org, old: str, new: str, by: str) -> None:
        """Gives a component another full name."""
        self._may_write(org, by)
        row = self.existing(org, old)
        self._check_free(org, row)
        taken = components.by_name(org, self.name, new)
        if not self.pattern.fullmatch(new) or (taken is not None and taken.id != row.id):
            raise refused(f"{new} is not a valid name of a {self.noun}, or taken", "fullName")
        self._replace(org, by, row, new, json.loads(row.body))

    def _checked(self, _org: Org, values: Value, _row: Row | None) -> Value:
        """What is kept of a component's values; raises for the first rule that is broken."""
        return {name: value for name, value in values.items() if name != "fullName"}

    def _may_write(self, org: Org, by: str) -> None:
        """Refuses whom "Modify Metadata Through Metadata API Functions" alone is not enough for."""

    def _check_free(self, org: Org, row: Row) -> None:
        """Refuses to remove or rename what something else needs."""

    def _insert(self, org: Org, by: str, name: str, body: Value) -> None:
        components.add(org, self.name, org.new_id(self.prefix), name, json.dumps(body), by)

    def _replace(self, org: Org, by: str, row: Row, name: str, body: Value) -> None:
        components.change(org, self.name, row.id, name, json.dumps(body), by)

    def _remove(self, org: Org, _by: str, row: Row) -> None:
        components.remove(org, self.name, row.id)

    def _audit(self, org: Org, by: str, done: str, name: str) -> None:
        action = f"{done.lower()}{self.noun.title().replace(' ', '')}"
        org.audit(by, action, self.section, f"{done} {self.noun} {name}")  # words: guess
