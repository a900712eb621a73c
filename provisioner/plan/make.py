"""Make a plan: read the org, compare it with the specs, and order the steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from provisioner.kinds import BY_NAME
from provisioner.kinds.base import Declared
from provisioner.model.diagnostics import by_cause
from provisioner.model.gc_pause import gc_paused
from provisioner.model.operations import CountActive
from provisioner.model.plan import Plan
from provisioner.model.resource import Resource
from provisioner.org.client import Org
from provisioner.plan import entrances, leavers
from provisioner.plan.emails import without_held
from provisioner.plan.planner import make_plan
from provisioner.plan.policy import unknown_profiles
from provisioner.plan.read import Reading, read
from provisioner.plan.run_options import RunOptions
from provisioner.spec.load import LoadedSpec


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and the reading that it was made from."""

    plan: Plan
    reading: Reading


def resources(loaded: LoadedSpec) -> tuple[Resource, ...]:
    """The resources that the specs declare, before anything is read from the org."""
    declared = Declared(frozenset(s.address for s in loaded.specs), loaded.identity)
    return tuple(BY_NAME[s.address.kind].desired(s, declared) for s in loaded.specs)


@gc_paused()
def plan(loaded: LoadedSpec, org: Org, run: RunOptions | None = None) -> Planned:
    """Read the org and compare; the plan has the problems of the spec too. Raises OrgError."""
    run = run or RunOptions()
    before = org.api_calls
    desired = resources(loaded)
    reading = read(desired, loaded.identity, org)
    absent = leavers.read(org, reading, loaded.rosters)
    if gone := leavers.resources(absent):
        reading = read((*desired, *gone), loaded.identity, org)

    def count(profiles: tuple[str, ...]) -> Mapping[str, int]:
        counts: Mapping[str, int] = org.read(CountActive(profiles))
        return {profile: counts.get(profile, 0) for profile in profiles}

    plan = make_plan(
        reading,
        org.instance_url,
        count,
        lambda: entrances.read(org, reading),
        run.selection,
        loaded.ignores,
        no_email=run.no_email,
    )
    environment = loaded.environment
    forbidden = run.policy or environment.policy, environment.forbidden_at
    problems = [
        *loaded.problems,
        *plan.problems,
        *unknown_profiles(*forbidden, reading.desired, reading.facts),
    ]
    reads = org.api_calls - before
    plan = replace(plan, reads=reads, problems=by_cause(problems), absent=absent)
    return Planned(plan, replace(reading, desired=without_held(reading.desired, plan.held)))
