"""Events as data."""

from provisioner.model.events import CallEnded, RunEnded, StepEnded, as_json


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
