"""A rule says yes to nothing that the schema refuses, and no to little else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from provisioner.spec import scalar_rules as rules
from provisioner.spec import schema

ROOT = Path(__file__).parents[3]
SCHEMAS = {p.name: json.loads(p.read_text("utf-8")) for p in (ROOT / "schemas").glob("*.json")}
VALUES = [
    *[None, True, False, 0, 7, -1, 1.5, "", " ", "a", "A", "true", "7", "NO", "{{ x }}"],
    *["jane@acme.example", "jane acme", "2024-01-31", "001000000000001", "001000000000001AAA"],
    *["x" * n for n in (8, 9, 40, 41, 80, 81, 255, 256, 1300, 40_000)],
    *["P", "D", "Worker", "en_US", "UTF-8", "Europe/Berlin"],
]
FIELDS = [
    (f"{kind}.schema.json", name)
    for kind in ("account", "contact", "user")
    for name in [*SCHEMAS[f"{kind}.schema.json"]["properties"], "Own__c", "Nonsense"]
]


@pytest.mark.parametrize("file", ["account.schema.json", "contact.schema.json", "user.schema.json"])
def test_a_rule_agrees_with_the_schema(file):
    validator = schema.Validator(SCHEMAS, file)
    disagree = []
    for name in [n for f, n in FIELDS if f == file]:
        obeys = rules.rule(SCHEMAS, file, (name,))
        for value in VALUES:
            errors = list(validator.errors({"remove": True, name: value}))
            if name in ("IsPortalEnabled", "Nonsense"):
                assert not obeys(value)
            if obeys(value) == bool(errors):
                disagree.append((name, value, errors))
    assert disagree == []


def test_a_rule_reaches_into_a_reference():
    found = rules.rule(SCHEMAS, "contact.schema.json", ("account", "find", "AccountNumber"))
    assert [found(v) for v in ("1", 1, True, None)] == [True, True, True, False]


def test_a_rule_reaches_into_what_is_done_once():
    found = rules.rule(SCHEMAS, "user.schema.json", ("on_create", "password"))
    assert [found(v) for v in ("sms", None, True)] == [False, False, False]
