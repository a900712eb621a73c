"""What an empty plan over many people costs, beside bare simple-salesforce reading them.

Run with `uv run python tests/bench/reading.py [people] [runs]`, 50,000 contacts and as many users
by default. The org is served by another process; the runs of both take turns, with no latency and
with 100 ms for each call. Targets: 1.5 times the time, 500 MB, 120 API calls.
"""

import re
import sys
import tempfile
from pathlib import Path
from statistics import median

import people

BARE = Path(__file__).with_name("bare_read.py")
TIMES, MEGABYTES, CALLS = 1.5, 500, 120


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with tempfile.TemporaryDirectory() as folder:
        home, spec = Path(folder) / "home", Path(folder) / "spec"
        people.fill_apart(home, spec, count)
        with people.serving(home) as served:
            for latency in (0, 100):
                served.delay(latency)
                measured(spec, served, latency, runs)


def measured(spec, served, latency, runs):
    bare, plan = [], []
    for _ in range(runs):
        bare.append(people.run([sys.executable, BARE], served))
        plan.append(people.run([people.COMMAND, "plan", spec, "--env", "served"], served))
        assert "In sync" in plan[-1].out, plan[-1].out[-2000:]
    print(f"latency {latency} ms, median of {runs}")
    print(f"{'':<12}{'seconds':>9}{'processor':>11}{'memory':>10}{'API calls':>11}")
    calls = [int(re.search(r"API calls made: (\d+)", run.out)[1]) for run in plan]
    for name, taken, made in (("bare read", bare, ""), ("empty plan", plan, max(calls))):
        seconds, cpu = (median(getattr(r, n) for r in taken) for n in ("seconds", "cpu"))
        memory = max(r.megabytes for r in taken)
        print(f"{name:<12}{seconds:>9.1f}{cpu:>11.1f}{memory:>7.0f} MB{made:>11}")
    ratio = median(p.seconds / b.seconds for p, b in zip(plan, bare, strict=True))
    memory = max(r.megabytes for r in plan)
    for what, found, target in (
        ("time", ratio, TIMES),
        ("memory in MB", memory, MEGABYTES),
        ("API calls", max(calls), CALLS),
    ):
        print(
            f"  {what:<14}{found:>8.2f}  target {target:>5}  {'ok' if found <= target else 'MISSED'}"
        )


if __name__ == "__main__":
    main()
