"""A sample of the fault sweep that takes less than two minutes; `tests.faults.sweep` runs all."""

import pytest

from .cases import enumerate_cases, sample
from .sweep import SCALE, baseline_of, figures, run_cases
from .world import SCENARIOS

JOBS = 3
# The late cases that no sample may miss.
ALWAYS = (
    "walk | POST /sobjects/Contact #1 | late 504 +540s | other",
    "walk | POST /sobjects/Account #1 | late kill +540s | other",
    "walk | DELETE /sobjects/User/{id}/password #1 | late close +60s | same",
    "roster | POST /composite/sobjects [Contact] #1 | late kill +540s | same",
    "roster | POST /composite [DELETE /sobjects/User/{id}/password] #1 | late timeout +1s | same",
    "bulk | PATCH /jobs/ingest/{id} [UploadComplete] #1 | late 502 +540s | same",
)
# These wait for minutes of the scaled time; the sweep of everything has them.
SLOW = ("drip", "timeout", "+540s")


@pytest.mark.parametrize(("name", "count"), [("walk", 5), ("roster", 3), ("look", 3), ("bulk", 1)])
def test_after_each_fault_nothing_is_lost_or_exists_twice(name, count):
    expected = baseline_of(name, SCALE)
    cases = enumerate_cases(SCENARIOS[name], expected.spots)
    chosen = [case for case in cases if case.id in ALWAYS]
    assert {case.id for case in chosen} == {id_ for id_ in ALWAYS if id_.startswith(f"{name} |")}
    quick = [case for case in cases if not any(word in case.detail for word in SLOW)]
    results = []
    run_cases([*chosen, *sample(quick, count, seed=5)], expected, SCALE, JOBS, results.append)
    failed = [f"{result.case}: {result.failures}" for result in results if result.failures]
    assert not failed, "\n".join([*failed, figures(results)])
    assert len(results) == len(chosen) + count
    assert sum(result.fired for result in results) >= len(results) - 1
