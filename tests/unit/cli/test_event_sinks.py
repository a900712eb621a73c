"""Events as data, and the heartbeat of a long run."""

import threading

from provisioner.cli.event_sinks import heartbeat
from provisioner.model.events import CallEnded, Heartbeat, RunEnded, StepEnded, as_json


def test_an_event_is_named_and_leaves_out_what_it_has_not():
    assert as_json(CallEnded("GET", "/x", 0.123456, 200)) == {
        "event": "call_ended",
        "method": "GET",
        "path": "/x",
        "seconds": 0.1235,
        "status": 200,
    }
    assert as_json(StepEnded("user/jane", "create", "failed", 1, 2, code="NO"))["code"] == "NO"
    assert as_json(RunEnded("r", 1.0, 5, {"done": 3}))["outcomes"] == {"done": 3}


def test_a_long_run_says_that_it_is_alive_and_how_far():
    beats, twice = [], threading.Event()

    def tell(beat):
        beats.append(beat)
        if len(beats) >= 2:
            twice.set()

    with heartbeat(9, tell, every=0.01) as count:
        count()
        assert twice.wait(30)
    assert all(isinstance(b, Heartbeat) and b.total == 9 for b in beats)
    assert beats[-1].done == 1
    assert not [t for t in threading.enumerate() if t.name == "heartbeat"]


def test_a_short_run_says_nothing():
    beats = []
    with heartbeat(1, beats.append) as count:
        count()
    assert beats == []
