"""One fault at one request: which cases there are, and what must be true after each of them."""

from __future__ import annotations

import json
import random
import re
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace

from .faults import SHAPES, Damaged, Late, Outage, Overtaken, Repeat, Storm
from .proxy import Fault, Proxy
from .world import APPLY, Machine, Ran, Scenario, World

UNSETTLED = 600.0
"""For so many unscaled seconds after a failure the org may still act on the request."""
MARGIN = 2.0
"""Real seconds on top: the org tells its time in whole seconds."""
CUTS = ("502", "504", "close", "timeout", "kill")
DELAYS = (0, 1, 60, 540)
PLAN = ("plan", "specs", "--env", "served", "--detailed-exitcode")
_SAME, _OTHER, _SETTLED = "same", "other", "settled"
_SAME_LATER, _OTHER_LATER = "same later", "other later"
# Where the run after a killed run is killed: when it takes the lease, and when it looks again.
_SECOND = ("POST /sobjects/Group #2", "GET /query [Group] #2")
# What Salesforce creates once more if a network delivers the request once more.
_DOUBLES = re.compile(r"POST (/sobjects|/composite/sobjects \[)/?(Account|Contact)\b")
_MAILS = re.compile(r"/password\b")
STORMS = 60
KILLED = -9
_UNREADABLE = ("shape", "outage", "storm")
"""Families in which the org may be unreadable for a run, which then ends with 3."""
_LATE = ("late", "outage", "killed-twice")


@dataclass(frozen=True)
class Spot:
    """One request of a run without faults."""

    name: str
    writes: bool

    @property
    def lease(self) -> bool:
        return "/sobjects/Group" in self.name


@dataclass(frozen=True)
class Case:
    """One fault at one request. The run after it is on the `same` machine or on the `other`, at
    once or after the deadline (`later`), or on the same one with `--assume-settled` after
    everything arrived (`settled`).
    """

    scenario: str
    spot: Spot
    fault: Fault
    family: str
    detail: str
    next_run: str = _SAME
    second: tuple[str, Fault] | None = None
    """A request of the next run that is struck, too, and its fault."""

    @property
    def id(self) -> str:
        second = f" then {self.second[0]}" if self.second else ""
        about = f"{self.family} {self.detail}{second}"
        return f"{self.scenario} | {self.spot.name} | {about} | {self.next_run}"

    @property
    def kills(self) -> bool:
        """Whether the fault may kill the client."""
        return self.family == "storm" or (isinstance(self.fault, Late) and self.fault.cut == "kill")

    @property
    def doubles(self) -> bool:
        """Whether the fault itself creates something twice, which no client can prevent."""
        return self.family == "repeat" and bool(_DOUBLES.match(self.spot.name))

    @property
    def mails(self) -> bool:
        """Whether the fault itself sends an e-mail twice."""
        return self.family == "repeat" and bool(_MAILS.search(self.spot.name))


@dataclass
class Result:
    """What happened in a case. It passed if there are no `failures`."""

    case: str
    family: str
    fired: bool = False
    runs: list[dict[str, object]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class Baseline:
    """A run without faults: its requests, and what the org has after it."""

    scenario: Scenario
    spots: tuple[Spot, ...]
    state: Counter[str]
    mails: Counter[str]


def baseline(world: World) -> Baseline:
    """Run the commands of the scenario without any fault."""
    world.restore()
    machine = world.machine()
    for command in world.scenario.commands:
        ran = machine.run(*command)
        assert ran.status == 0, ran.out + ran.err
    spots = tuple(Spot(request.spot, request.writes) for request in world.proxy.log)
    planned = machine.run(*PLAN)
    assert planned.status == 0, planned.out + planned.err
    return Baseline(world.scenario, spots, world.state(), world.mails())


def enumerate_cases(scenario: Scenario, spots: Sequence[Spot]) -> list[Case]:
    """Every case of a scenario, in the order of its requests.

    A request that the walk-through has as well gets no repetitions and damaged responses.
    """
    found = []
    for spot in spots:
        again = bool(scenario.adds) and not re.search(scenario.adds, spot.name)
        if again and scenario.keyed:
            continue
        cases = _cases(scenario.name, spot)
        found += [case for case in cases if case.family in _LATE or not again]
    if not (scenario.applied or scenario.keyed):
        every = Spot("every request", writes=True)
        storms = range(1, STORMS + 1)
        found += [Case(scenario.name, every, Storm(n), "storm", f"seed {n}") for n in storms]
    return found


def sample(cases: Sequence[Case], count: int, seed: int) -> list[Case]:
    """So many cases, spread evenly over the families of faults and over reads and writes."""
    chance = random.Random(seed)
    strata: dict[tuple[str, str, bool], list[Case]] = {}
    for case in cases:
        family = f"{case.family} {case.detail.split()[0]}" if case.family == "late" else case.family
        strata.setdefault((case.scenario, family, case.spot.writes), []).append(case)
    for stratum in strata.values():
        chance.shuffle(stratum)
    queue = list(strata.values())
    chance.shuffle(queue)
    found: list[Case] = []
    while queue and len(found) < count:
        stratum = queue.pop(0)
        found.append(stratum.pop())
        if stratum:
            queue.append(stratum)
    return found


def run_case(world: World, case: Case, expected: Baseline) -> Result:
    """Run one case from a restored org, and check every promise."""
    began = time.monotonic()
    world.restore()
    if isinstance(case.fault, Storm):
        world.proxy.arm_all(case.fault.choose())
    else:
        world.proxy.arm(case.spot.name, case.fault)
    result = Result(case.id, case.family)
    if world.scenario.applied:
        _run_looks(world, case, expected, result)
    else:
        _run_applies(world, case, expected, result)
    result.failures += [f"a secret was sent elsewhere: {leak}" for leak in world.leaks]
    for note in world.proxy.notes:
        (result.failures if note.startswith("the client") else result.notes).append(note)
    result.seconds = round(time.monotonic() - began, 1)
    return result


def _run_applies(world: World, case: Case, expected: Baseline, result: Result) -> None:
    """Apply with the fault, and then without until the org is as the spec says."""
    proxy, machine = world.proxy, world.machine()
    ran = machine.run(*APPLY)
    result.fired = not proxy.disarm()
    result.runs.append(_shown(ran))
    _check_run(result, ran, killed=case.kills)
    if world.scenario.keyed and case.family == "late" and not case.kills and ran.status != 0:
        result.failures.append(f"an upsert was not sent again at once: status {ran.status}")
    if ran.status != 0 and not case.doubles:
        machine, ran = _next_runs(world, case, machine, result)
    proxy.settle(700 * proxy.scale + 60)
    world.wait_for_jobs()
    if case.doubles:
        _check_double(result, case, machine, world, expected)
    else:
        if ran.status == 0:
            planned = machine.run(*PLAN)
            result.runs.append(_shown(planned))
            _check_words(result, planned)
            if planned.status != 0:
                result.failures.append(f"the plan is not empty: status {planned.status}")
            _check_journal(result, machine)
        _check_org(result, case, world, expected)


def _run_looks(world: World, case: Case, expected: Baseline, result: Result) -> None:
    """Run commands that change nothing in the spec's part of the org, first with the fault."""
    machine = world.machine()
    for struck in (True, False):
        for command in world.scenario.commands:
            ran = machine.run(*command)
            result.runs.append(_shown(ran))
            _check_words(result, ran)
            allowed = {0}
            if struck:
                allowed |= {3, KILLED} if case.kills else {3}
                if command[0] == "verify":
                    allowed |= {2, 5}  # a login page that is damaged is a login that fails
            if ran.status not in allowed:
                result.failures.append(f"{command[0]} ended with {ran.status}")
        if struck:
            result.fired = not world.proxy.disarm()
            world.proxy.settle(700 * world.proxy.scale + 60)
    _check_org(result, case, world, expected)


def _cases(scenario: str, spot: Spot) -> Iterable[Case]:
    changes = spot.writes or spot.lease
    for cut in CUTS:
        for delay in DELAYS if changes else DELAYS[:1]:
            for next_run in _next(cut, delay, spot):
                yield Case(scenario, spot, Late(cut, delay), "late", f"{cut} +{delay}s", next_run)
    if changes:
        yield from _more_late(scenario, spot)
    for answer in ("first", "second", "together") if changes else ("together",):
        yield Case(scenario, spot, Repeat(answer), "repeat", answer)
    yield Case(scenario, spot, Overtaken(20), "overtaken", "20s")
    for shape in SHAPES:
        yield Case(scenario, spot, Damaged(shape, done=True), "shape", f"{shape} done")
        if changes:
            yield Case(scenario, spot, Damaged(shape, done=False), "shape", f"{shape} not-done")


def _more_late(scenario: str, spot: Spot) -> Iterable[Case]:
    for delay in DELAYS[1:]:
        yield Case(scenario, spot, Repeat("first", delay), "repeat", f"first +{delay}s")
    for delay in (60, 540):
        yield Case(scenario, spot, Outage(delay, 120), "outage", f"+{delay}s 120s")
        kill = Late("kill", delay)
        for next_run in (_SAME, _OTHER):
            twice = Case(scenario, spot, kill, "killed-twice", f"+{delay}s", next_run)
            yield from (replace(twice, second=(name, Late("kill", 60))) for name in _SECOND)


def _next(cut: str, delay: float, spot: Spot) -> tuple[str, ...]:
    if not (spot.writes or spot.lease):
        return (_SAME,)
    if cut == "kill":
        found = (_SAME, _OTHER, _SETTLED) if spot.writes else (_SAME, _OTHER)
        return (*found, _SAME_LATER, _OTHER_LATER) if delay == 540 else found
    # A run that ends with 5 is followed by one on another machine, too.
    return (_SAME, _OTHER) if delay == 540 else (_SAME,)


def _next_runs(world: World, case: Case, machine: Machine, result: Result) -> tuple[Machine, Ran]:
    """Run again before the deadline, and once more after it unless that was enough."""
    proxy, more = world.proxy, ()
    settled_at = (proxy.cut_at or time.monotonic()) + UNSETTLED * proxy.scale + MARGIN
    if case.next_run in (_OTHER, _OTHER_LATER):
        machine = world.machine()
    if case.next_run == _OTHER_LATER and case.spot.lease and isinstance(case.fault, Late):
        # For another machine the uncertainty begins with the lease, which arrived late.
        settled_at += case.fault.delay * proxy.scale
    if case.next_run in (_SAME_LATER, _OTHER_LATER):
        return machine, _run_after(settled_at, proxy, machine, result)
    if case.next_run == _OTHER:
        more = ("--lease-wait", "600")
    elif case.next_run == _SETTLED:
        proxy.settle(700 * proxy.scale + 60)
        more = ("--assume-settled",)
    if case.second:
        proxy.arm(*case.second)
        ran = machine.run(*APPLY, *more)
        proxy.disarm()
        result.runs.append(_shown(ran))
        _check_run(result, ran, killed=True)
        if ran.status == 0:
            return machine, ran
        settled_at = (proxy.cut_at or time.monotonic()) + UNSETTLED * proxy.scale + MARGIN
    ran = machine.run(*APPLY, *more)
    result.runs.append(_shown(ran))
    _check_run(result, ran, killed=False)
    if ran.status == 0:
        return machine, ran
    if case.next_run == _SETTLED:
        result.failures.append("a run with --assume-settled did not finish the work")
    return machine, _run_after(settled_at, proxy, machine, result)


def _run_after(settled_at: float, proxy: Proxy, machine: Machine, result: Result) -> Ran:
    """Run once the org can no longer act on anything that was lost: this run finishes the work."""
    time.sleep(max(settled_at - time.monotonic(), 0))
    proxy.settle(60)
    ran = machine.run(*APPLY)
    result.runs.append(_shown(ran))
    _check_run(result, ran, killed=False)
    if ran.status != 0:
        result.failures.append(f"the first run after the deadline ended with {ran.status}")
    return ran


def _check_run(result: Result, ran: Ran, *, killed: bool) -> None:
    """Check how one run ended, and what it said."""
    _check_words(result, ran)
    allowed = {0, 5} | ({KILLED} if killed else set())
    if not ran.writes and result.family in _UNREADABLE:
        allowed.add(3)
    if ran.status not in allowed:
        result.failures.append(f"run {len(result.runs)} ended with {ran.status}")
    if ran.writes and ran.status != KILLED and not ran.reports:
        result.failures.append(f"run {len(result.runs)} wrote, and left no report")


def _check_words(result: Result, ran: Ran) -> None:
    said = ran.out + ran.err
    if "Traceback" in said:
        result.failures.append(f"traceback: {said.strip().splitlines()[-1]}")
    if "please report" in said:
        result.failures.append("a run asked to be reported as a bug")
    if "\nhung: " in ran.err:
        result.failures.append("a run did not end")


def _check_journal(result: Result, machine: Machine) -> None:
    """The last run found out about every write that earlier runs of this machine lost."""
    listed = machine.run("journal", "list", "--format", "json")
    runs = json.loads(listed.out)
    for address in sorted({address for run in runs for address in run["unknown"]}):
        result.failures.append(f"still unknown in a journal: {address}")


def _check_org(result: Result, case: Case, world: World, expected: Baseline) -> None:
    """Nothing exists twice or is missing, and nobody got two e-mails or none."""
    state, mails = world.state(), world.mails()
    for extra, count in sorted((state - expected.state).items()):
        if extra.startswith("group provisioner_"):
            # A lease that arrived after its run ended, or the marker of a run whose requests were
            # unsettled: both have expired, and the next run that writes deletes them.
            result.notes.append(f"left in the org: {extra}")
        else:
            word = "twice" if extra in expected.state else "unexpected"
            result.failures.append(f"{word}: {extra} ({count} more)")
    for missing in sorted(expected.state - state):
        result.failures.append(f"missing: {missing}")
    if not case.mails:
        for person in sorted(mails - expected.mails):
            result.failures.append(f"mailed twice: {person}")
    for person in sorted(expected.mails - mails):
        result.failures.append(f"not mailed: {person}")


def _check_double(
    result: Result, case: Case, machine: Machine, world: World, expected: Baseline
) -> None:
    """The network created a record twice: the product must say so, and name both of them."""
    ran = machine.run(*APPLY)
    result.runs.append(_shown(ran))
    _check_words(result, ran)
    said = ran.out + ran.err
    extra = world.state() - expected.state
    if not any(key.startswith(("account", "contact")) for key in extra):
        if ran.status != 0:
            result.failures.append(f"nothing exists twice, and the run ended with {ran.status}")
        return
    result.notes.append("the network created a record twice")
    together = isinstance(case.fault, Repeat) and not case.fault.delay
    if together and result.runs[0]["status"] != 5:
        result.failures.append("two records with the same key: the run that found them is not 5")
    if "may come from a request that was sent twice" not in said:
        result.failures.append("two records with the same key: the message names no cause")
    if len(set(re.findall(r"\b00[13]Lo\w{10,13}\b", said))) < 2:
        result.failures.append("two records with the same key: the message does not give both Ids")


def _shown(ran: Ran) -> dict[str, object]:
    shown = asdict(ran)
    return shown | {
        "out": ran.out[-4000:],
        "err": ran.err[-6000:],
        "seconds": round(ran.seconds, 1),
    }
