"""A plan is applied and proved from Python: no command line, no terminal, only events."""

import time
from dataclasses import replace

from provisioner.apply import journal, proof, session
from provisioner.apply.session import ApplySettings, StepFinished
from provisioner.model.events import RunEnded, RunStarted, StepBegun
from provisioner.model.outcome import Outcome
from provisioner.plan.run_options import RunOptions

SPEC = {
    "accounts": {"acme": {"Name": "Acme", "AccountNumber": "1"}},
    "contacts": {"jane": {"account": "acme", "LastName": "Doe", "Email": "jane@acme.example"}},
}


class NoInterrupts:
    requested = False

    def sleep(self, seconds):
        time.sleep(seconds)


class Interrupted(NoInterrupts):
    requested = True


def settings(tmp_path, **changes):
    journals = tmp_path / "journal"
    return replace(ApplySettings(journals, "spec", "local", "0"), **changes)


def test_a_run_is_told_by_events_and_proved(portal, tmp_path, capsys):
    spec, org, events = portal.load(SPEC), portal.org, []
    planned = portal.plan(SPEC, org)
    result = session.run(planned, org, settings(tmp_path), events.append, NoInterrupts())
    assert result.counts == {Outcome.DONE: 2}
    assert [str(r.step.address) for r in result.results] == ["account/acme", "contact/jane"]
    assert (result.error, result.interrupted) == (None, False)
    assert isinstance(events[0], RunStarted)
    assert isinstance(events[-1], RunEnded)
    assert [e.step for e in events if isinstance(e, StepBegun)] == ["account/acme", "contact/jane"]
    finished = [(e.number, e.total) for e in events if isinstance(e, StepFinished)]
    assert finished == [(1, 2), (2, 2)]
    journals = tmp_path / "journal"
    proved = proof.prove(result, planned, spec, org, RunOptions(), journals, events.append)
    assert proved.in_sync
    assert proved.again.plan.steps == ()
    assert [r.state for r in journal.records(journals)] == ["done"]
    assert capsys.readouterr() == ("", "")


def test_a_proof_tells_what_somebody_changed_since(portal, tmp_path):
    spec, org, events = portal.load(SPEC), portal.org, []
    planned = portal.plan(SPEC, org)
    result = session.run(planned, org, settings(tmp_path), events.append, NoInterrupts())
    portal.by_hand(
        {"PATCH /sobjects/Contact/{SELECT Id FROM Contact}": {"LastName": "Somebody else's"}}
    )
    journals = tmp_path / "journal"
    proved = proof.prove(result, planned, spec, org, RunOptions(), journals, events.append)
    assert not proved.in_sync
    assert [str(step.address) for step in proved.changed] == ["contact/jane"]
    assert (proved.not_kept, proved.unknown, proved.failed) == ((), (), False)


def test_an_interrupted_run_writes_nothing_and_has_no_proof(portal, tmp_path):
    spec, org = portal.load(SPEC), portal.org
    planned = portal.plan(SPEC, org)
    chosen = settings(tmp_path, take_lease=False)
    result = session.run(planned, org, chosen, lambda _: None, Interrupted())
    assert result.interrupted
    assert {r.outcome for r in result.results} == {Outcome.SKIPPED}
    proved = proof.prove(
        result, planned, spec, org, RunOptions(), tmp_path / "journal", lambda _: None
    )
    assert proved.again is None
    assert not proved.in_sync
    assert portal.query("SELECT Id FROM Contact") == []


def test_one_run_at_a_time(portal, tmp_path):
    planned, org = portal.plan(SPEC), portal.org
    seen = []

    def second_run(event):
        if isinstance(event, RunStarted) and not seen:
            try:
                chosen = settings(tmp_path / "elsewhere")
                session.run(planned, portal.org, chosen, lambda _: None, NoInterrupts())
            except session.LeaseTaken as taken:
                seen.append(taken)

    result = session.run(planned, org, settings(tmp_path), second_run, NoInterrupts())
    assert result.counts == {Outcome.DONE: 2}
    assert len(seen) == 1
