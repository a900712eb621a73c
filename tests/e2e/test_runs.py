"""Two runs at once, runs that are asked to stop, and what is left of one to look at."""

import json
import signal
import subprocess
import threading

import pytest

from provisioner.emulator.local import LocalOrg

DEADLINE = 60
APPLY = ("apply", "--env", "served", "--auto-approve")
LEASE = "SELECT Id FROM Group WHERE DeveloperName = 'provisioner_lease'"
MADE = {
    "Account": 1,
    "Contact": 1,
    "Profile WHERE Name LIKE 'Acme%'": 1,
    "User WHERE ContactId != null": 1,
}


def made(org):
    return {of: len(org.query(f"SELECT Id FROM {of}")) for of in MADE}


def at_write(watched, path, do):
    """Once a write to this path was answered, `do` it, before its sender hears of it."""

    def lose(_method, asked, _body):
        if path in asked:
            watched.lose = None
            do()
        return False

    watched.lose = lose


def test_of_two_that_start_at_once_one_applies_and_the_other_is_told_who(acme, new_work):
    work, org, watched = acme
    other = new_work()
    other.copy_acme()
    other.use(org)
    second = []
    at_write(watched, "/sobjects/Account", lambda: second.append(other.run(*APPLY)))
    work.run(*APPLY, status=0)
    (refused,) = second
    assert refused.status == 4, refused.said
    assert "another apply is running on this org: run " in refused.err
    assert "--lease-wait" in refused.err
    assert made(org) == MADE
    assert org.query(LEASE) == []


def test_the_second_can_wait_for_the_first(acme, new_work):
    work, org, watched = acme
    other = new_work()
    other.copy_acme()
    other.use(org)
    started = []

    def start():
        started.append(
            other.start(
                *APPLY, "--lease-wait", "50", stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
        )
        for line in started[0].stderr:
            if "waiting" in line:
                break

    at_write(watched, "/sobjects/Account", start)
    work.run(*APPLY, status=0)
    out, err = started[0].communicate(timeout=DEADLINE)
    # What the first did since the second had planned is not done again.
    assert started[0].returncode == 0, out + err
    assert made(org) == MADE
    assert sum(mail["recipient"] == "jane.doe@acme.example" for mail in org.outbox()) == 1


def test_who_applies_is_shown_and_can_be_broken(acme, new_work):
    work, org, watched = acme
    other = new_work()
    other.copy_acme()
    other.use(org)
    said = []

    def look():
        said.append(
            other.run("lease", "show", "--env", "served", "--format", "json", status=0).json
        )
        said.append(other.run("lease", "break", "--env", "served", status=0).out)

    at_write(watched, "/sobjects/Account", look)
    work.run(*APPLY, status=0)
    shown, broken = said
    assert shown["by"] == "Portal Admin"
    assert shown["stale"] is False
    assert f"removed: run {shown['run']} on {shown['host']}" in broken
    after = other.run("lease", "show", "--env", "served", status=0).out
    assert after.startswith("nobody is applying to this org\n")
    # What the run had sent when its lease was broken is not known to others.
    assert f"the org may still act on requests of run {shown['run']} until" in after


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_a_run_finishes_what_is_under_way_and_says_so(acme, number):
    work, org, watched = acme
    process = work.start(*APPLY, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    at_write(watched, "/sobjects/Account", lambda: process.send_signal(number))
    out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 5, out + err
    assert "interrupted" in err
    assert "Traceback" not in err
    assert "user/jane  skipped" in err
    run = work.run("journal", "show", "--format", "json", status=0).json
    assert run["state"] == "done"
    assert run["unknown"] == []
    assert {w["outcome"] for w in run["writes"]} == {"done"}
    assert run["counts"]["skipped"] >= 1
    assert org.query(LEASE) == []
    work.run(*APPLY, status=0)
    assert made(org) == MADE


def test_a_second_wish_to_stop_ends_at_once(acme):
    work, org, watched = acme
    org.control("PUT", "/latency", {"rest": 3000})
    process = work.start(*APPLY, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        asked = threading.Event()
        for _ in range(600):
            if any("/sobjects/Account" in path for _, path, _ in watched.requests):
                break
            asked.wait(0.1)
        process.send_signal(signal.SIGINT)
        for line in process.stderr:
            if "finishing what was sent" in line:
                break
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=DEADLINE)
    finally:
        org.control("PUT", "/latency", {})
    assert process.returncode == 5
    work.run(*APPLY, status=0)
    assert made(org) == MADE


def test_a_plan_that_takes_more_than_its_share_of_api_calls_is_refused(acme):
    work, org, _ = acme
    file = work.folder / "specs/acme/environments/served.yaml"
    file.write_text(file.read_text("utf-8") + "policy: {max_api_percent: 1}\n", "utf-8")
    local = LocalOrg(org.folder / ".provisioner")
    local.open().put_setting(f"api calls {local.open().now():%Y-%m-%d}", "14000")
    local.close()
    refused = work.run(*APPLY, status=4)
    assert "`max_api_percent` allows" in refused.err
    assert "1 % of the " in refused.err
    assert made(org)["Account"] == 0


def test_what_past_runs_wrote_can_be_listed_shown_and_tidied(acme):
    work, _, _ = acme
    assert "no journals in" in work.run("journal", "list", status=0).out
    missing = work.run("journal", "show", status=1)
    assert "there is no journal in" in missing.err
    work.run(*APPLY, status=0)
    (listed,) = work.run("journal", "list", "--format", "json", status=0).json
    assert listed["state"] == "done"
    assert listed["counts"] == {"done": 7}
    shown = work.run("journal", "show", listed["run"][-8:], status=0).out
    assert "user/jane  CreateRecord User  done  005" in shown
    assert "user/jane  ResetPassword  done" in shown
    wrong = work.run("journal", "show", "nope", status=1)
    assert "there is no run `nope`" in wrong.err
    assert work.run("journal", "tidy", "--keep", "0", status=0).out == "1 deleted, 0 kept\n"


def test_no_secret_is_anywhere(acme):
    """A marker in every secret, and every temporary password, looked for in all that was written."""
    work, org, _ = acme
    marker = "Marker-4711-secret"
    people = work.folder / "specs/acme/people.yaml"
    text = people.read_text("utf-8")
    text = text.replace("password: email", "password: {env: JANE_PASSWORD}")
    people.write_text(text, "utf-8")
    work.variables["JANE_PASSWORD"] = marker
    said = work.run("plan", "--env", "served", "--out", "plan.json", status=0).said
    for name in ("plan.md", "plan.html", "plan.sarif", "plan.xml"):
        said += work.run("plan", "--env", "served", "--report", name, status=0).said
    for format_ in ("json", "markdown", "html", "github", "junit", "sarif"):
        said += work.run("plan", "--env", "served", "--format", format_, status=0).said
    said += work.run("apply", "plan.json", "--auto-approve", status=0).said
    id_ = org.id("User", "ContactId != null")
    temporary = org.send("DELETE", f"/sobjects/User/{id_}/password").json()["NewPassword"]
    said += work.run("drift", "--env", "served").said
    said += work.run("journal", "show", "--format", "json", status=0).said
    written = [said.encode()] + [
        file.read_bytes()
        for file in work.folder.rglob("*")
        if file.is_file() and "local-org" not in file.name
    ]
    for secret in (
        marker,
        temporary,
        work.variables["ORG_TOKEN"],
        org.credentials["consumer_secret"],
    ):
        assert not [text for text in written if secret.encode() in text], secret[:3]
    assert json.loads((work.folder / "plan.json").read_text("utf-8"))["steps"]
