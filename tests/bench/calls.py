"""API calls of the walk-through: a first plan, its apply, an empty plan, and a drift run.

Run with `uv run python tests/bench/calls.py`. Counts what Salesforce would count, against
one call for each resource, which is what a person's clicks or a naive client would take.
"""

import contextlib
import tempfile
import time
from pathlib import Path

from provisioner.apply import executor
from provisioner.drift import find as finding
from provisioner.org.connect import open_org
from provisioner.plan import make as workflow
from provisioner.spec.load import load

TARGETS = {"empty plan": "12 calls", "drift": "an empty plan and 5 calls"}
SPEC = Path(__file__).parents[2] / "specs" / "acme"


def main():
    loaded = load(SPEC, None, secrets=True)
    with tempfile.TemporaryDirectory() as home, contextlib.ExitStack() as stack:
        rows = []
        org = stack.enter_context(open_org(loaded.environment.login, Path(home)))

        def measured(name, work):
            calls, start = org.api_calls, time.perf_counter()
            found = work()
            rows.append((name, org.api_calls - calls, time.perf_counter() - start))
            return found

        planned = measured("first plan", lambda: workflow.plan(loaded, org))
        measured("first apply", lambda: list(executor.apply(planned, org)))
        again = measured("empty plan", lambda: workflow.plan(loaded, org))
        assert not again.plan
        measured("drift", lambda: finding.find_drift(loaded, org))
    resources = len(loaded.specs)
    print(f"{resources} resources")
    print(f"{'step':<14}{'API calls':>10}{'a resource':>12}{'time':>10}  target")
    for name, calls, seconds in rows:
        target = TARGETS.get(name, "")
        print(f"{name:<14}{calls:>10}{calls / resources:>12.1f}{seconds * 1000:>7.0f} ms  {target}")


if __name__ == "__main__":
    main()
