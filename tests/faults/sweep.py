"""Run the faults of the proxy: `python -m tests.faults.sweep --all`, or a part of them.

Results are appended to a file, and cases that it has are not run again. Every line that is printed
for a failed case ends with the command that runs it alone.
"""

from __future__ import annotations

import argparse
import json
import queue
import shlex
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from .cases import Baseline, Case, Result, baseline, enumerate_cases, run_case, sample
from .world import SCENARIOS, world

SCALE = 1 / 20
"""Ten minutes are 30 seconds: short enough to wait for, and longer than a busy machine pauses."""
SESSION = 40 * 60
"""Real seconds after which an org is replaced: its sessions last for two hours."""
# A few of the late cases, in real time: what the scale could hide.
REAL_TIME = (
    "walk | POST /sobjects/Contact #1 | late 502 +540s | same",
    "walk | POST /sobjects/Account #1 | late kill +540s | other",
    "walk | DELETE /sobjects/User/{id}/password #1 | late timeout +60s | same",
    "walk | POST /sobjects/Contact #1 | late close +1s | same",
)


_STOPPING = threading.Event()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments choose, and print the figures; 1 if a case failed."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if not (options.all or options.sample or options.only or options.real_time):
        parser.error("give --all, --only TEXT, --sample N or --real-time")
    scale = 1.0 if options.real_time else options.scale
    # The cases at hand are finished, and their orgs are stopped.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: _STOPPING.set())
    names = options.scenario or (["walk"] if options.real_time else list(SCENARIOS))
    results: list[Result] = []
    for name in names:
        if _STOPPING.is_set():
            break
        results += run_scenario(name, scale, options)
    print(figures(results))
    return 1 if any(result.failures for result in results) else 0


def run_scenario(name: str, scale: float, options: argparse.Namespace) -> list[Result]:
    """Run the chosen cases of one scenario; their results, and those of earlier runs."""
    expected = baseline_of(name, scale)
    cases = _chosen(enumerate_cases(SCENARIOS[name], expected.spots), options)
    if options.list:
        print("\n".join(case.id for case in cases))
        return []
    done = {result.case: result for result in _load(options.out)}
    found = [done[case.id] for case in cases if case.id in done]

    def finish(result: Result) -> None:
        found.append(result)
        if options.out:
            with options.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(result)) + "\n")
        _tell(result, len(found), len(cases), options)

    left = [case for case in cases if case.id not in done]
    run_cases(left, expected, scale, options.jobs, finish)
    return found


def baseline_of(name: str, scale: float) -> Baseline:
    """What a scenario does without faults."""
    with world(SCENARIOS[name], scale) as here:
        return baseline(here)


def run_cases(
    cases: Sequence[Case],
    expected: Baseline,
    scale: float,
    jobs: int,
    finish: Callable[[Result], None],
) -> None:
    """Run cases of one scenario on so many orgs at once; `finish` gets each result."""
    left: queue.SimpleQueue[Case] = queue.SimpleQueue()
    for case in cases:
        left.put(case)
    lock = threading.Lock()

    def finish_one(result: Result) -> None:
        with lock:
            finish(result)

    workers = [
        threading.Thread(target=_work, args=(left, scale, expected, finish_one))
        for _ in range(min(jobs, len(cases)))
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def figures(results: Sequence[Result]) -> str:
    """The figures of a sweep, in a few lines."""
    fired = [result for result in results if result.fired]
    runs = [run for result in results for run in result.runs]
    statuses = Counter(str(run["status"]) for run in runs)
    kinds: Counter[str] = Counter()
    for result in results:
        for failure in result.failures:
            kinds[failure.split(":")[0]] += 1
    failed = sum(bool(result.failures) for result in results)
    lines = [
        f"cases {len(results)}, faults {len(fired)}, not reached {len(results) - len(fired)}",
        f"runs {len(runs)}, failed cases {failed}",
        "duplicates {}, mailed twice {}, tracebacks {}".format(
            *(kinds[kind] for kind in ("twice", "mailed twice", "traceback"))
        ),
        "exit statuses: " + ", ".join(f"{status}: {n}" for status, n in sorted(statuses.items())),
    ]
    lines += [f"  {count:5}  {kind}" for kind, count in kinds.most_common()]
    by_family = Counter(result.family for result in results)
    lines.append("families: " + ", ".join(f"{name} {n}" for name, n in sorted(by_family.items())))
    return "\n".join(lines)


def _work(
    left: queue.SimpleQueue[Case],
    scale: float,
    expected: Baseline,
    finish: Callable[[Result], None],
) -> None:
    """Run the cases that are left, on an org that is replaced before its sessions end."""
    while not (left.empty() or _STOPPING.is_set()):
        with world(expected.scenario, scale) as here:
            while time.monotonic() - here.began < SESSION and not _STOPPING.is_set():
                try:
                    case = left.get_nowait()
                except queue.Empty:
                    return
                try:
                    finish(run_case(here, case, expected))
                except Exception as error:  # noqa: BLE001 - the other cases are run in any case
                    failure = f"the harness failed: {error!r}"
                    finish(Result(case.id, case.family, failures=[failure]))
                    break  # to a new org


def _chosen(cases: Sequence[Case], options: argparse.Namespace) -> list[Case]:
    if options.real_time:
        cases = [case for case in cases if case.id in REAL_TIME]
    for text in options.only:
        cases = [case for case in cases if text in case.id]
    if options.slice:
        number, of = map(int, options.slice.split("/"))
        cases = cases[number - 1 :: of]
    if options.sample:
        cases = sample(cases, options.sample, options.seed)
    return list(cases)


def _load(file: Path | None) -> list[Result]:
    if file is None or not file.exists():
        return []
    return [Result(**json.loads(line)) for line in file.read_text("utf-8").splitlines()]


def _tell(result: Result, number: int, of: int, options: argparse.Namespace) -> None:
    statuses = " ".join(str(run["status"]) for run in result.runs)
    word = "FAILED" if result.failures else "passed" if result.fired else "not reached"
    line = f"[{number}/{of}] {word}  {result.case}  ({statuses}; {result.seconds:.0f} s)"
    print(line, flush=True)
    if not result.failures:
        return
    for failure in result.failures[:8]:
        print(f"    {failure}", flush=True)
    name = result.case.split(" | ")[0]
    again = ["python", "-m", "tests.faults.sweep", "--scenario", name, "--only", result.case]
    if options.real_time:
        again.append("--real-time")
    print(f"    {shlex.join([*again, '--verbose'])}", flush=True)
    if options.verbose:
        for run in result.runs:
            print(f"--- {run['command']}: {run['status']}\n{run['out']}{run['err']}", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.sweep", description=__doc__)
    what = parser.add_argument_group("which cases (at least one of these)")
    what.add_argument("--all", action="store_true", help="every fault at every request")
    what.add_argument("--sample", type=int, metavar="N", help="so many cases of each scenario")
    what.add_argument("--real-time", action="store_true", help="a few late cases, unscaled")
    what.add_argument("--only", action="append", default=[], metavar="TEXT",
                      help="the cases whose name contains this text; repeatable: all texts")  # fmt: skip
    parser.add_argument(
        "--scenario", action="append", choices=SCENARIOS, help="repeatable (default: all)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the sample (default 1)")
    parser.add_argument("--slice", metavar="I/N", help="the I-th of N equal parts")
    parser.add_argument("--jobs", type=int, default=1, help="orgs at once (default 1)")
    parser.add_argument("--scale", type=float, default=SCALE, help="of all times (default 1/20)")
    parser.add_argument("--out", type=Path, help="a file to add the results to, and go on from")
    parser.add_argument("--list", action="store_true", help="print the cases, and run none")
    parser.add_argument("--verbose", action="store_true", help="print what failed runs said")
    return parser


if __name__ == "__main__":
    sys.exit(main())
