"""Every spec of the repository is applied to a new local org, and then there is nothing to do."""

from pathlib import Path

import pytest

from provisioner.apply import executor
from provisioner.model.outcome import Outcome
from provisioner.org.connect import open_org
from provisioner.plan import make as workflow
from provisioner.spec.load import load

SPECS = sorted(p for p in (Path(__file__).parents[2] / "specs").iterdir() if p.is_dir())


@pytest.mark.parametrize("folder", SPECS, ids=lambda p: p.name)
def test_a_spec_is_applied_and_then_in_sync(folder, tmp_path):
    loaded = load(folder, None, secrets=True)
    assert loaded.problems == ()
    with open_org(loaded.environment.login, tmp_path) as org:
        planned = workflow.plan(loaded, org)
        assert planned.plan.problems == ()
        assert {r.outcome for r in executor.apply(planned, org)} == {Outcome.DONE}
        assert workflow.plan(loaded, org).plan.steps == ()


@pytest.mark.parametrize(
    "environment", sorted(p for s in SPECS for p in (s / "environments").glob("*.yaml")), ids=str
)
def test_every_environment_is_valid(environment):
    assert load(environment.parents[1], environment.stem, secrets=False).problems == ()
