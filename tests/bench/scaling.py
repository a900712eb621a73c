"""How the cost of a plan grows with the rows of a roster: twice the rows, at most 2.1 times the cost.

Run with `uv run python tests/bench/scaling.py [most] [least]`, from 1,000 to 100,000 people by
default, each number about twice the one before. Measured are `validate`, a plan that creates
everybody, and a plan that finds everybody as wanted, each as one process against a local org in
another; time is that of the processor, which other work on the machine does not change, and time
and memory are those above what a spec without people takes.
"""

import sys
import tempfile
from pathlib import Path

import people

TARGET = 2.1


def main():
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    least = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000
    sizes = [most]
    while sizes[0] >= 2 * least:
        sizes.insert(0, sizes[0] // 2)
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for size in [0, *sizes]:
            rows[size] = measured(Path(folder) / str(size), size)
    for number, name in enumerate(("validate", "plan that creates", "empty plan")):
        print(f"{name}\n{'people':>9}{'seconds':>9}{'ratio':>7}{'memory':>10}{'ratio':>7}")
        base, worst = rows[0][number], 0.0
        for before, size in zip([None, *sizes], sizes, strict=False):
            run = rows[size][number]
            line = f"{size:>9}{run.cpu:>9.2f}"
            ratios = []
            for attribute in ("cpu", "megabytes"):
                found = getattr(run, attribute) - getattr(base, attribute)
                was = (
                    getattr(rows[before][number], attribute) - getattr(base, attribute)
                    if before
                    else 0
                )
                # What is small is mostly noise.
                enough = was > (0.5 if attribute == "cpu" else 10)
                ratios.append(found / was if enough else None)
            worst = max(worst, *(r for r in ratios if r), 0.0)
            shown = [f"{r:.2f}" if r else "" for r in ratios]
            print(f"{line}{shown[0]:>7}{run.megabytes:>7.0f} MB{shown[1]:>7}")
        print(f"  worst {worst:.2f}, target {TARGET}  {'ok' if worst <= TARGET else 'MISSED'}")


def measured(folder, size):
    """`validate`, a plan that creates all of them, and one that finds all of them."""
    empty, full, spec = folder / "empty", folder / "full", folder / "spec"
    people.fill_apart(empty, folder / "portal", 0)
    people.buy_seats(empty, 4 * size + 1000)
    people.write_spec(spec, size)
    found = [people.run([people.COMMAND, "validate", spec])]
    plan = [people.COMMAND, "plan", spec, "--env", "served"]
    with people.serving(empty) as served:
        found.append(people.run(plan, served))
    people.fill_apart(full, spec, size)
    with people.serving(full) as served:
        found.append(people.run(plan, served))
        assert "In sync" in found[-1].out, found[-1].out[-2000:]
    return found


if __name__ == "__main__":
    main()
