"""Whatever a file holds: a schema has words for it, and the checks after it do not mind."""

from __future__ import annotations

import itertools
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.kinds import BY_NAME, BY_SECTION
from provisioner.spec import declarations, schema
from provisioner.spec.document import parse

SPEC = schema.validator("spec.schema.json")

KINDS = [schema.schemas()[f"{kind}.schema.json"] for kind in BY_NAME]
FIELDS = sorted(
    {name for kind in KINDS for name in kind["properties"]}
    | {"find", "env", "X__c", "x__c", "nonsense", "Case", "column"}
)
LEAVES = st.sampled_from(
    [None, True, 0, 1.5, "", "a", "A", "a@b.io", "NO", "x" * 300, "2024-01-31"]
)
VALUES = (
    LEAVES
    | st.lists(LEAVES, max_size=3)
    | st.dictionaries(st.sampled_from(FIELDS), LEAVES, max_size=2)
)
RESOURCES = st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=4)
KEYS = st.sampled_from(["a", "A", "b", "Contact-A", "OrgSettings", "Account", " "])
SECTIONS = st.sampled_from([*BY_SECTION, "identity", "other"])
FILES = st.dictionaries(
    SECTIONS, VALUES | st.dictionaries(KEYS, VALUES | RESOURCES, max_size=3), max_size=3
)


@settings(max_examples=200, deadline=None)
@given(FILES | VALUES)
def test_every_violation_has_a_message(data):
    document = parse(json.dumps(data), "f.yaml")
    found = schema.check(document, SPEC)
    assert bool(found) == bool(SPEC.violations(data))
    assert all(d.span and " is not of type " not in d.message for d in found)


@settings(max_examples=200, deadline=None)
@given(st.lists(FILES | VALUES, max_size=2))
def test_invalid_data_does_not_break_later_checks(files):
    documents = [parse(json.dumps(data), f"{i}.yaml") for i, data in enumerate(files)]
    found = declarations.specs(documents)
    assert [s.address for s in found.specs] == sorted({s.address for s in found.specs})
    places = [d.span for d in found.problems]
    assert all(before <= after for before, after in itertools.pairwise(places))
