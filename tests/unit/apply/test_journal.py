"""The journal of a run: on the disk before each request, readable however it was cut off."""

import json
import os
import subprocess
import sys

import pytest

from provisioner.apply import journal
from provisioner.apply.journal import Ended
from provisioner.model.operations import CreateRecord, DeleteRecord, SetPassword
from provisioner.model.resource import Address, Secret

URL = "https://acme.my.salesforce.com"
JANE = Address("contact", "jane")
CREATE = CreateRecord("Contact", {"LastName": "Doe", "Email": "jane@acme.example"})


@pytest.fixture
def running(tmp_path):
    started = journal.start(tmp_path, journal.new_run(), {"url": URL, "org": "00D"})
    yield started
    if started.path.exists() and journal.alive(started.path):
        started.close({})


def over(tmp_path, run, calls=(CREATE,), ended=(), *, close=False):
    """The journal of a run that is over; cut off unless it was closed."""
    written = journal.start(tmp_path, run, {"url": URL})
    begun = written.begin([(JANE, call) for call in calls])
    written.end([Ended(begun[0] + n, outcome) for n, outcome in enumerate(ended)])
    if close:
        written.close({"done": 1})
    else:
        written._file.close()
    return written.path


def test_a_begin_is_on_the_disk_before_the_request_leaves(running):
    assert list(running.begin([(JANE, CREATE), (JANE, CREATE)])) == [1, 2]
    lines = [json.loads(line) for line in running.path.read_text("utf-8").splitlines()]
    assert [line.get("begin") for line in lines] == [None, 1, 2]
    assert lines[1] | {"at": ""} == {
        "begin": 1,
        "step": "contact/jane",
        "call": "CreateRecord",
        "of": "Contact",
        "fields": ["Email", "LastName"],
        "may_duplicate": True,
        "at": "",
    }


def test_no_value_and_no_secret_is_written(running):
    running.begin([(JANE, CREATE), (JANE, SetPassword("005", Secret("hunter2")))])
    text = running.path.read_text("utf-8")
    assert "hunter2" not in text
    assert "jane@acme.example" not in text


def test_only_its_owner_may_read_it(running):
    assert running.path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("ended", "close", "state"),
    [
        (("done",), True, "done"),
        (("done",), False, "interrupted"),
        ((), False, "unknown"),
        (("unknown",), True, "unknown"),
        (("refused",), True, "done"),
        (("not sent",), True, "done"),
    ],
)
def test_the_state_of_a_run_tells_how_it_ended(tmp_path, ended, close, state):
    path = over(tmp_path, "r", ended=ended, close=close)
    record = journal.read(path)
    assert record.state == state
    assert [d.address for d in record.unknown] == ([JANE] if state == "unknown" else [])
    assert journal.unfinished(tmp_path, URL) == ((record,) if state == "unknown" else ())
    assert journal.unfinished(tmp_path, "https://other.my.salesforce.com") == ()


@pytest.mark.parametrize("cut", range(2, 60, 7))
def test_a_line_that_a_crash_cut_off_loses_nothing_before_it(tmp_path, cut):
    path = over(tmp_path, "r", calls=(CREATE, CREATE))
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    record = journal.read(path)
    assert record.torn
    assert [d.begun for d in record.unknown] == [1]
    journal.settle([(record.unknown[0], "done", "003")])
    settled = journal.read(path)
    assert settled.unknown == ()
    assert settled.settled[1]["id"] == "003"


def test_the_bulk_job_of_an_unknown_write_is_known(tmp_path):
    written = journal.start(tmp_path, "r", {"url": URL})
    first = written.begin([(JANE, CREATE)])
    written.job("750A", first)
    written.end([Ended(1, "done")])
    second = written.begin([(JANE, CREATE)])
    written.job("750B", second)
    written._file.close()
    assert [write.job for write in journal.read(written.path).unknown] == ["750B"]


TAKE = CreateRecord("Group", {"Name": "provisioner"})
GIVE_BACK = DeleteRecord("Group", "00G1")


@pytest.mark.parametrize(
    ("calls", "outcomes", "kept"),
    [
        ((), (), False),
        ((TAKE,), (), True),
        ((TAKE,), ("done",), True),
        ((TAKE, GIVE_BACK), ("done",), True),
        ((TAKE, GIVE_BACK), ("done", "unknown"), True),
        ((TAKE, GIVE_BACK), ("done", "done"), False),
    ],
)
def test_a_lease_that_was_not_given_back_is_known(tmp_path, calls, outcomes, kept):
    written = journal.start(tmp_path, "r", {"url": URL})
    begun = written.begin([(journal.LEASE, call) for call in calls])
    written.end([Ended(n, outcome) for n, outcome in zip(begun, outcomes, strict=False)])
    written.close({})
    found = journal.unfinished(tmp_path, URL)
    assert [record.keeps_lease for record in found] == ([True] if kept else [])
    for record in found:
        assert record.unknown == ()
        journal.released(record)
    assert journal.unfinished(tmp_path, URL) == ()


def test_a_process_is_alive_until_it_dies(tmp_path):
    code = (
        "import sys, pathlib; from provisioner.apply import journal\n"
        "j = journal.start(pathlib.Path(sys.argv[1]), 'r', {})\n"
        "print(j.path, flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    path = tmp_path / "r.jsonl"
    assert process.stdout.readline().strip() == str(path)
    assert journal.alive(path)
    assert journal.read(path).state == "running"
    process.kill()
    process.communicate()
    assert not journal.alive(path)
    assert journal.read(path).state == "interrupted"


def test_tidying_keeps_the_newest_and_all_that_is_unknown(tmp_path):
    unknown = over(tmp_path, "0-unknown")
    old = [over(tmp_path, f"1-{n}", ended=("done",), close=True) for n in range(4)]
    os.utime(old[-1], (0, 0))
    assert journal.tidy(tmp_path, keep=2) == 3
    assert [r.path for r in journal.records(tmp_path)] == [unknown, old[2]]


def test_a_run_that_never_began_leaves_no_trace(tmp_path):
    journal.start(tmp_path, "r", {}).discard()
    assert journal.records(tmp_path) == ()


def test_tidying_touches_nothing_that_is_active_unknown_or_foreign(tmp_path, running):
    kept = {
        running.path,
        over(tmp_path, "0-unknown"),
        tmp_path / "1-foreign.jsonl",
        tmp_path / "2-folder.jsonl",
    }
    (tmp_path / "1-foreign.jsonl").write_text("not a journal\n", "utf-8")
    (tmp_path / "2-folder.jsonl").mkdir()
    over(tmp_path, "3-done", ended=("done",), close=True)
    assert journal.tidy(tmp_path, keep=0) == 1
    assert set(tmp_path.glob("*.jsonl")) == kept


def test_tidying_keeps_a_run_whose_lease_may_be_in_the_org(tmp_path):
    written = journal.start(tmp_path, "r", {"url": URL})
    written.begin([(journal.LEASE, TAKE)])
    written.close({})
    assert journal.tidy(tmp_path, keep=0) == 0


def test_a_bulk_job_that_is_not_recorded_wrote_nothing(tmp_path):
    written = journal.start(tmp_path, "r", {"url": URL})
    written.begin([(JANE, CREATE)], in_job=True)
    written._file.close()
    assert journal.read(written.path).unknown == ()


def test_what_a_run_found_out_itself_is_not_unknown_any_more(running):
    (begun,) = running.begin([(JANE, CREATE)])
    running.end([Ended(begun, "unknown")])
    running.settle([begun], "done", "003")
    assert journal.read(running.path).unknown == ()


def test_a_run_may_have_waited_until_its_last_sign_of_life(tmp_path):
    written = journal.start(tmp_path, "r", {"url": URL})
    written.begin([(JANE, CREATE)])
    written.beat()
    written._file.close()
    record = journal.read(written.path)
    assert record.unknown[0].at == record.alive_at
