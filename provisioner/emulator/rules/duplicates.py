"""Duplicate rules: which new or changed records are refused for looking like others.

An org has none until they are set (`PUT /emulator/duplicates`), since which of Salesforce's
standard rules are on differs from org to org. A rule here matches records whose fields are all
equal; the matching of Salesforce's standard rules is fuzzy, and not here.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.base.errors import SalesforceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from provisioner.emulator.schema.objects import SObject
    from provisioner.emulator.store.org import Org

_SETTING: Final = "duplicate rules"
_TEXT: Final = "Use one of these records?"  # fact 715
_SAVES: ContextVar[tuple[bool, str]] = ContextVar("saves", default=(False, ""))


class DuplicatesError(SalesforceError):
    """Records that look like the one that was to be written (fact 715)."""

    def __init__(self, sobject: str, rule: Mapping[str, Any], found: list[str], base: str) -> None:
        super().__init__("DUPLICATES_DETECTED", _TEXT, ())
        records = [
            {
                "additionalInformation": [],
                "fieldDiffs": [],
                "matchConfidence": 100.0,
                "record": {
                    "attributes": {"type": sobject, "url": f"{base}/sobjects/{sobject}/{id_}"},
                    "Id": id_,
                },
            }
            for id_ in found
        ]
        self.result = {
            "allowSave": rule["allowSave"],
            "duplicateRule": f"Standard_{sobject}_Duplicate_Rule",
            "duplicateRuleEntityType": sobject,
            "errorMessage": _TEXT,
            "matchResults": [
                {
                    "entityType": sobject,
                    "errors": [],
                    "matchEngine": "ExactMatchEngine",
                    "matchRecords": records,
                    "rule": f"Standard_{sobject}_Match_Rule_v1_0",
                    "size": len(records),
                    "success": True,
                }
            ],
        }

    def rest(self) -> list[dict[str, Any]]:
        """As recorded: the key really is misspelt, and there are no `fields` (fact 715)."""
        return [{"duplicateResut": self.result, "errorCode": self.code, "message": self.message}]


def rules(org: Org) -> dict[str, dict[str, Any]]:
    """The rules by object: the `fields` that match together, and `allowSave`."""
    found: dict[str, dict[str, Any]] = json.loads(org.setting(_SETTING) or "{}")
    return found


def set_rules(org: Org, given: Mapping[str, Mapping[str, Any]]) -> None:
    """Puts these rules in place of those that were."""
    org.put_setting(_SETTING, json.dumps(given))


@contextmanager
def saving(header: str, base: str) -> Iterator[None]:
    """Inside the block writes obey `Sforce-Duplicate-Rule-Header`, if it is there.

    `allowSave=true` writes in spite of a rule that allows it (fact 716);
    `base` begins the addresses of the records that a refusal names.
    """
    options = dict(part.strip().split("=", 1) for part in header.split(",") if "=" in part)
    allowed = options.get("allowSave", "").strip().lower() == "true" or (
        not header and _SAVES.get()[0]
    )
    token = _SAVES.set((allowed, base))
    try:
        yield
    finally:
        _SAVES.reset(token)


def check(
    org: Org, sobject: SObject, row: Mapping[str, Any], current: Mapping[str, Any] | None
) -> None:
    """Raises DUPLICATES_DETECTED for a record that looks like another, where a rule says so."""
    rule = rules(org).get(sobject.name) if org.setting(_SETTING) else None
    if rule is None or (current is not None and not set(rule["fields"]) & row.keys()):
        return
    allowed, base = _SAVES.get()
    if allowed and rule["allowSave"]:
        return
    merged = {**(current or {}), **row}
    values = {name: merged.get(name) for name in rule["fields"]}
    if any(value is None for value in values.values()):
        return
    own = current["Id"] if current else None
    found = [id_ for id_ in org.find(sobject.name, **values) if id_ != own]
    if found:
        raise DuplicatesError(sobject.name, rule, found, base)
