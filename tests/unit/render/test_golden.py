"""What is printed is what was looked at: the golden outputs of `tests/golden`, byte for byte."""

import importlib.util
import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

FOLDER = Path(__file__).parents[3] / "schemas"
SCHEMAS = {p.name: json.loads(p.read_text("utf-8")) for p in FOLDER.glob("*.schema.json")}
GOLDEN = Path(__file__).parents[2] / "golden"
spec = importlib.util.spec_from_file_location("golden_write", GOLDEN / "write.py")
write = importlib.util.module_from_spec(spec)
spec.loader.exec_module(write)


@pytest.mark.parametrize("name", write.VIEWS)
def test_every_format_is_as_it_was_looked_at(name):
    for file, made in write.rendered(name):
        told = f"{file} changed: look at it, and run `uv run python tests/golden/write.py`"
        assert made == (GOLDEN / file).read_text("utf-8"), told


def test_no_golden_file_is_left_over():
    made = {file for name in write.VIEWS for file, _ in write.rendered(name)}
    kept = {p.name for p in GOLDEN.iterdir() if p.is_file()}
    assert kept == made | {f"{name}.view.json" for name in write.VIEWS} | {"write.py"}


@pytest.mark.parametrize(
    ("name", "schema"),
    [("validate", "validation.schema.json"), ("apply", "run.schema.json")],
)
def test_json_is_as_its_schema_says(name, schema):
    view = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    validator(schema).validate(view)
    for key in SCHEMAS[schema]["required"]:
        assert list(validator(schema).iter_errors({k: v for k, v in view.items() if k != key}))


def test_a_run_whose_steps_have_no_results_is_none():
    view = json.loads((GOLDEN / "apply.json").read_text("utf-8"))
    view["steps"][0].pop("result")
    assert list(validator("run.schema.json").iter_errors(view))


def validator(name):
    resources = [(n, Resource.from_contents(s)) for n, s in SCHEMAS.items()]
    return Draft202012Validator(SCHEMAS[name], registry=Registry().with_resources(resources))


@pytest.mark.parametrize("name", ["plan", "drift"])
def test_the_golden_views_are_those_of_today(name):
    """A key that the code makes and no golden view has would be a key that nobody looks at."""
    from provisioner.model.plan import OrgInfo, Plan
    from provisioner.plan import document as view

    kept = json.loads((GOLDEN / f"{name}.view.json").read_text("utf-8"))
    made = view.plan_document(
        Plan(OrgInfo("00D", "Acme", "https://x.example")), spec="s", environment="e"
    )
    assert made.keys() <= kept.keys()
    assert made["summary"].keys() <= kept["summary"].keys()
