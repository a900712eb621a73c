"""A kind is whole: schema, example, convergence table, and names that schema and kind share."""

from pathlib import Path

import pytest
import yaml

from provisioner.kinds import KINDS, ROSTER_KINDS
from provisioner.kinds.portal.fields import MEMBERS, REQUIRED
from provisioner.kinds.profile.xml import FIELD_FLAGS, OBJECT_FLAGS
from provisioner.kinds.record import RecordKind
from provisioner.kinds.settings import FULL_NAMES
from provisioner.spec.policy import Policy
from provisioner.spec.schema import schemas

ROOT = Path(__file__).parents[3]
SCHEMAS = schemas()
IDS = [kind.name for kind in KINDS]


def properties(kind):
    return SCHEMAS[f"{kind}.schema.json"]["properties"]


def test_the_sections_of_a_spec_are_the_kinds():
    declared = set(SCHEMAS["spec.schema.json"]["properties"])
    assert declared == {kind.section for kind in KINDS} | {"identity", "rosters", "verify"}


@pytest.mark.parametrize("kind", KINDS, ids=IDS)
def test_a_kind_has_a_schema_an_example_and_a_convergence_table(kind):
    assert f"{kind.name}.schema.json" in SCHEMAS
    assert (ROOT / "tests" / "contract" / "cases" / f"{kind.name}.yaml").is_file()
    examples = (yaml.safe_load(f.read_text("utf-8")) for f in (ROOT / "specs").glob("*/*.yaml"))
    assert any(kind.section in example for example in examples)


@pytest.mark.parametrize(
    "kind", [k for k in KINDS if isinstance(k, RecordKind)], ids=lambda k: k.name
)
def test_the_references_of_a_record_are_those_of_its_schema(kind):
    ours = {n for n in properties(kind.name) if n[0].islower()}
    actions = {"was", "remove", "on_create", "follow_contact"}
    assert ours - actions == {r.name for r in kind.references}


def test_the_settings_types_are_those_of_the_schema():
    assert set(properties("settings")) == set(FULL_NAMES)


def test_the_flags_of_a_profile_are_those_of_the_schema():
    for section, flags in (("objectPermissions", OBJECT_FLAGS), ("fieldPermissions", FIELD_FLAGS)):
        items = properties("profile")[section]["additionalProperties"]["items"]
        assert items["enum"] == list(flags)


def test_a_portal_has_every_element_that_a_new_one_needs():
    assert {*REQUIRED, MEMBERS, "was", "remove"} <= set(properties("portal"))


def test_a_policy_has_the_bounds_of_the_schema():
    bounds = SCHEMAS["environment.schema.json"]["properties"]["policy"]["properties"]
    assert set(bounds) == set(Policy.__dataclass_fields__)


def test_a_reference_names_the_object_or_type_of_its_kind():
    declared = [(r.kind, r.sobject) for kind in KINDS for r in kind.references]
    stored = {kind.name: kind.sobject or kind.type for kind in KINDS}
    # A role is only ever a record of the org.
    assert {pair for pair in declared if stored.get(pair[0]) != pair[1]} == {("role", "UserRole")}


def test_a_row_of_a_roster_refers_to_kinds_of_rosters():
    of_row = [r.kind for kind in ROSTER_KINDS for r in kind.references if r.of_row]
    assert of_row
    assert set(of_row) <= {kind.name for kind in ROSTER_KINDS}
