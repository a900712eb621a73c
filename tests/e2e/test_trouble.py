"""What can go wrong around an apply, and what the run says and leaves behind then."""

import json
import resource
import subprocess

APPLY = ("apply", "--env", "served", "--auto-approve")
DEADLINE = 120
LEASE = "SELECT Id FROM Group WHERE DeveloperName = 'provisioner_lease'"


def by_hand(org, soql, fields):
    """Somebody changes a record of the org with another client."""
    (row,) = org.query(soql)
    path = f"/sobjects/{row['attributes']['type']}/{row['Id']}"
    assert org.send("PATCH", path, fields).ok


def at_write(watched, path, do):
    """Once a write to this path was answered, `do` it, before its sender hears of it."""

    def lose(_method, asked, _body):
        if path in asked:
            watched.lose = None
            do()
        return False

    watched.lose = lose


def test_a_full_disk_ends_the_run_with_its_outcome_and_the_next_run_completes_it(acme):
    work, org, _ = acme

    # Python's own cache files must stay whole.
    work.variables["PYTHONDONTWRITEBYTECODE"] = "1"

    def limit():
        # A file takes no more than this, as if the disk were full.
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_500, 1_500))

    process = work.start(*APPLY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=limit)
    out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 5, out + err
    assert "Traceback" not in out + err
    assert "the journal cannot be written: File too large" in err
    assert "Applied: " in out
    assert "user/jane  skipped" in err
    work.run(*APPLY, status=0)
    assert len(org.query("SELECT Id FROM Contact")) == 1
    assert sum(mail["recipient"] == "jane.doe@acme.example" for mail in org.outbox()) == 1


def test_a_disk_that_takes_no_journal_is_reported_before_anything_is_written(acme):
    work, org, _ = acme
    work.home.mkdir(parents=True, exist_ok=True)
    (work.home / "journal").write_text("a file where the folder belongs", "utf-8")
    ended = work.run(*APPLY, status=1)
    assert "the journal cannot be written" in ended.err
    assert org.query("SELECT Id FROM Account") == []
    assert org.query(LEASE) == []


def test_a_change_by_hand_of_what_the_run_wrote_is_reported_as_such(acme):
    work, org, watched = acme
    account = "SELECT Id FROM Account WHERE AccountNumber = '10001'"
    at_write(watched, "/sobjects/Contact", lambda: by_hand(org, account, {"Name": "By Hand"}))
    ended = work.run(*APPLY, status=5)
    assert "changed in the org since this run wrote it" in ended.err
    assert "account/acme (Name) by Portal Admin" in ended.err
    assert "please report" not in ended.err


def test_a_change_by_hand_of_what_the_run_did_not_write_is_reported_as_such(acme):
    work, org, watched = acme
    work.run(*APPLY, status=0)
    contact = "SELECT Id FROM Contact WHERE Email = 'jane.doe@acme.example'"
    account = "SELECT Id FROM Account WHERE AccountNumber = '10001'"
    by_hand(org, contact, {"FirstName": "June"})
    at_write(watched, "/sobjects/Contact", lambda: by_hand(org, account, {"Name": "By Hand"}))
    ended = work.run(*APPLY, status=5)
    assert "account/acme (Name) by Portal Admin" in ended.err
    assert "please report" not in ended.err


def test_nothing_of_a_dead_run_is_deleted_in_an_org_that_is_not_the_right_one(acme):
    work, org, watched = acme
    process = work.start(*APPLY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    at_write(watched, "/sobjects/Account", process.kill)
    process.wait(timeout=DEADLINE)
    assert len(org.query(LEASE)) == 1
    file = work.folder / "specs/acme/environments/served.yaml"
    text = file.read_text("utf-8")
    file.write_text(text.replace("org:\n", "org:\n  id: 00D000000000001\n"), "utf-8")
    watched.requests.clear()
    refused = work.run(*APPLY, status=4)
    assert "this is the org" in refused.err
    assert not any(method in ("DELETE", "PATCH") for method, _, _ in watched.requests)
    assert len(org.query(LEASE)) == 1
    file.write_text(text, "utf-8")
    watched.requests.clear()
    declined = work.answer("no", "apply", "--env", "served")
    assert declined.status == 4, declined.said
    assert not any(method in ("DELETE", "PATCH") for method, _, _ in watched.requests)


def test_a_limit_that_passes_while_the_lease_is_taken_is_waited_for(acme):
    work, org, _ = acme
    fault = {
        "kind": "refuse",
        "path": "/sobjects/Group",
        "times": 2,
        "status": 403,
        "code": "REQUEST_LIMIT_EXCEEDED",
        "message": "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
    }
    org.control("POST", "/faults", fault)
    work.run(*APPLY, status=0)
    org.control("POST", "/faults", fault | {"times": 99})
    work.write("specs/acme/more.yaml", "accounts: {more: {Name: More}}\n")
    limited = work.run(*APPLY, status=4)
    org.control("DELETE", "/faults")
    assert "ConcurrentRequests" in limited.err
    assert "--no-lease" not in limited.err


def test_journals_that_cannot_be_read_do_not_stop_a_run(acme):
    work, org, _ = acme
    folder = work.home / "journal"
    url = org.url
    bad = {
        "01-empty": "",
        "02-null": "null\n",
        "03-number": "7\n",
        "04-list": "[]\n",
        "05-text": '"begin"\n',
        "06-not-json": "{{{\n",
        "07-deep": "[" * 100_000 + "\n",
        "08-header-list": '{"journal": []}\n',
        "09-begin-text": '{"begin": "x", "step": "a/b", "call": "CreateRecord", "at": "now"}\n',
        "10-begin-null": '{"begin": 1, "step": null, "call": null, "at": null}\n',
        "11-step-without-slash": '{"begin": 1, "step": "a", "call": "C", "at": "2026-01-01T00:00:00+00:00"}\n',
        "12-at-number": '{"begin": 1, "step": "a/b", "call": "C", "at": 12}\n',
        "13-at-naive": '{"begin": 1, "step": "a/b", "call": "C", "at": "2026-01-01T00:00:00"}\n',
        "14-end-list": '{"end": [1], "outcome": "done", "at": "2026-01-01T00:00:00+00:00"}\n',
        "15-end-outcome": '{"end": 1, "outcome": {}, "at": "2026-01-01T00:00:00+00:00"}\n',
        "16-end-unknown-word": '{"end": 1, "outcome": "maybe", "at": "2026-01-01T00:00:00+00:00"}\n',
        "17-settled-float": '{"settled": 1.5, "found": "done"}\n',
        "18-settled-null": '{"settled": 1, "found": null}\n',
        "19-job-range": '{"job": "750", "begins": [1, 1000000000000]}\n',
        "20-job-text": '{"job": "750", "begins": "1-2"}\n',
        "21-job-three": '{"job": "750", "begins": [1, 2, 3]}\n',
        "22-job-null": '{"job": null, "begins": [1, 2]}\n',
        "23-closed-text": '{"closed": "yes"}\n',
        "24-closed-list": '{"closed": [1]}\n',
        "25-alive-text": '{"alive": "yes", "at": "2026-01-01T00:00:00+00:00"}\n',
        "26-alive-at": '{"alive": true, "at": []}\n',
        "27-nul": "\0\0\0\n",
        "28-huge-number": '{"begin": 1e400, "step": "a/b", "call": "C", "at": "x"}\n',
        "29-nan": '{"begin": NaN}\n',
        "30-unicode-newline": '{"journal": 1, "run": "a\u2028b"}\n',
        "31-duplicate-key": '{"begin": 1, "begin": "2"}\n',
        "32-long": '{"begin": ' + "1" * 5_000 + "}\n",
    }
    folder.mkdir(parents=True)
    header = json.dumps({"journal": 1, "run": "r", "url": url})
    for name, text in bad.items():
        (folder / f"{name}.jsonl").write_text(f"{header}\n{text}", "utf-8", newline="")
    (folder / "33-binary.jsonl").write_bytes(b"\xff\xfe\x00" * 1000)
    (folder / "34-folder.jsonl").mkdir()
    (folder / "35-link.jsonl").symlink_to(folder / "nowhere")
    work.run(*APPLY, status=0)
    listed = {
        run["run"] + "|" + str(run["torn"]): run
        for run in work.run("journal", "list", "--format", "json", status=0).json
    }
    assert any(key.endswith("True") for key in listed)
    text = work.run("journal", "list", status=0).out
    for torn in ("06-not-json", "19-job-range", "33-binary", "34-folder"):
        if torn != "19-job-range":
            assert f"torn: {torn}.jsonl" in text
    work.run("journal", "tidy", "--keep", "0", status=0)
    assert (folder / "34-folder.jsonl").is_dir()


def test_the_lease_of_a_run_that_could_not_read_it_back_keeps_nobody_out(acme):
    work, org, _ = acme
    fault = {"kind": "drop", "path": "/query", "query": "provisioner_lease", "times": 4}
    org.control("POST", "/faults", fault)
    work.run(*APPLY, status=3)
    org.control("DELETE", "/faults")
    work.run(*APPLY, status=0)
    assert org.query(LEASE) == []
