"""The heartbeat of a long run."""

import threading

from provisioner.apply.heartbeat import heartbeat
from provisioner.model.events import Heartbeat


def test_a_long_run_says_that_it_is_alive_and_how_far():
    beats, twice = [], threading.Event()

    def tell(beat):
        beats.append(beat)
        if len(beats) >= 2:
            twice.set()

    with heartbeat(9, tell, interval=0.01) as count:
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
