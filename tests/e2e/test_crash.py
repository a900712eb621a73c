"""Whatever cuts an apply short, the next one goes on from there: nothing is lost or doubled."""

import signal
import subprocess
import time

import pytest

DEADLINE = 60
# A run waits 1.2 seconds for what was lost, and the org may act on it for 12.
SCALE = 0.02
SETTLED = 600 * SCALE
MOST = 40  # more writes than the walk-through needs


@pytest.fixture(autouse=True)
def faster(work):
    """The time limits of lost requests, fifty times shorter."""
    work.variables["PROVISIONER_TIME_SCALE"] = str(SCALE)


def test_killed_after_every_single_write_it_still_gets_there(acme):
    work, org, watched = acme
    apply = ("apply", "--env", "served", "--auto-approve")
    crashes = 0
    for _ in range(MOST):
        process = work.start(*apply, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # Who is killed at the door, with the lease just taken or not, has written nothing yet.
        watched.lose = lambda method, path, _, process=process: (
            "/sobjects/Group" not in path and (process.kill() or True)
        )
        process.wait(timeout=DEADLINE)
        if process.returncode == 0:
            break
        if process.returncode == 5:
            # Another request was on its way when the last run was killed: it has to settle.
            time.sleep(SETTLED)
            continue
        assert process.returncode == -9
        crashes += 1
    watched.lose = None
    assert 7 <= crashes < MOST
    assert "No drift" in work.run("drift", "--env", "served", status=0).out
    assert everything(org) == {
        "Account": 1,
        "Contact": 1,
        "Profile WHERE Name LIKE 'Acme%'": 1,
        "User WHERE ContactId != null": 1,
    }
    assert "jane.doe@acme.example" in str(org.outbox())


def test_a_lost_answer_is_looked_up_at_once(acme):
    work, org, watched = acme
    watched.lose = lambda method, path, body: path.rstrip("/").endswith("/sobjects/Account")
    applied = work.run("apply", "--env", "served", "--auto-approve", status=0)
    assert "7 done, 0 failed, 0 skipped, 0 unknown" in applied.out
    assert everything(org)["Account"] == 1
    shown = work.run("journal", "show", "--format", "json", status=0).json
    (created,) = (w for w in shown["writes"] if (w["call"], w["of"]) == ("CreateRecord", "Account"))
    assert created["outcome"] == "unknown, then found: done"


def test_where_the_org_can_not_be_asked_it_stays_unknown_until_the_next_time(acme):
    work, org, watched = acme
    gone = []

    def lose(method, path, body):
        gone.extend([path] if path.rstrip("/").endswith("/sobjects/Account") else [])
        return bool(gone)

    watched.lose, watched.refuse = lose, lambda method, path, body: bool(gone)
    applied = work.run("apply", "--env", "served", "--auto-approve", status=5)
    assert "account/acme  UNKNOWN" in applied.err
    watched.lose = watched.refuse = None
    again = work.run("apply", "--env", "served", "--auto-approve", status=0)
    assert "account/acme (001" in again.err
    assert "the org has it; it was done" in again.err
    assert everything(org)["Account"] == 1
    journals = work.run("journal", "list", "--format", "json", status=0).json
    assert [run["unknown"] for run in journals] == [[], []]


def killed_at(work, watched, path):
    """Run apply and kill it when its request to this path arrives, which then gets lost."""
    process = work.start(
        "apply",
        "--env",
        "served",
        "--auto-approve",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    watched.arrived = lambda _: watched.requests[-1][1].endswith(path) and (process.kill() or True)
    process.wait(timeout=DEADLINE)
    watched.arrived = None
    assert process.returncode == -9


def test_after_a_kill_nothing_that_could_be_created_twice_is_sent_before_it_is_settled(acme):
    work, org, watched = acme
    killed_at(work, watched, "/sobjects/Account")
    began = time.monotonic()
    apply = ("apply", "--env", "served", "--auto-approve")
    early = work.run(*apply, status=5)
    assert "account/acme: the org may still act on the request until" in early.err
    assert "account/acme  UNKNOWN" in early.err
    assert "needs account/acme, which was not applied" in early.err
    assert "the outcome of account/acme is unknown" in early.err
    assert "apply again after" in early.err
    assert "portal/Acme Customer Portal  done" in early.err
    assert everything(org)["Account"] == 0
    time.sleep(max(SETTLED - (time.monotonic() - began), 0) + 1)
    work.run(*apply, status=0)
    assert everything(org)["Account"] == 1
    assert "In sync" in work.run("plan", "--env", "served", status=0).out


def test_assume_settled_sends_again_at_once(acme):
    work, org, watched = acme
    killed_at(work, watched, "/sobjects/Account")
    work.run("apply", "--env", "served", "--auto-approve", "--assume-settled", status=0)
    assert everything(org)["Account"] == 1


def test_a_run_on_another_machine_learns_of_a_dead_run_from_its_lease(acme):
    work, org, watched = acme
    killed_at(work, watched, "/sobjects/Account")
    work.variables["PROVISIONER_HOME"] = str(work.folder / "elsewhere")
    apply = ("apply", "--env", "served", "--auto-approve", "--lease-wait", "30")
    early = work.run(*apply, status=5)
    assert "an earlier run on another machine ended without the outcome" in early.err
    assert "account/acme  UNKNOWN" in early.err
    assert everything(org)["Account"] == 0
    marker = "SELECT Name FROM Group WHERE DeveloperName = 'provisioner_unsettled'"
    assert len(org.query(marker)) == 1
    time.sleep(SETTLED + 1)
    work.run(*apply, status=0)
    assert everything(org)["Account"] == 1
    assert org.query(marker) == []


def everything(org):
    """How many there are of what the walk-through makes."""
    from_ = (
        "Account",
        "Contact",
        "Profile WHERE Name LIKE 'Acme%'",
        "User WHERE ContactId != null",
    )
    return {of: len(org.query(f"SELECT Id FROM {of}")) for of in from_}


def test_an_interrupt_is_told_apart_from_a_crash(acme):
    work, org, watched = acme
    process = work.start(
        "apply", "--env", "served", "--auto-approve", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    watched.lose = lambda method, path, body: (
        path.rstrip("/").endswith("/Account") and process.send_signal(signal.SIGINT)
    )
    _, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 5, err
    assert "interrupted" in err
    assert "run the command again" in err
    assert "Traceback" not in err
    watched.lose = None
    work.run("apply", "--env", "served", "--auto-approve", status=0)
    assert everything(org)["Account"] == 1


def test_a_lease_whose_answer_was_lost_does_not_keep_the_next_run_out(acme):
    work, org, watched = acme
    gone = []

    def lose(method, path, body):
        gone.extend([path] if path.rstrip("/").endswith("/sobjects/Group") else [])
        return bool(gone)

    watched.lose, watched.refuse = lose, lambda method, path, body: bool(gone)
    work.run("apply", "--env", "served", "--auto-approve", status=3)
    watched.lose = watched.refuse = None
    lease = "SELECT Id FROM Group WHERE DeveloperName = 'provisioner_lease'"
    assert len(org.query(lease)) == 1
    work.run("apply", "--env", "served", "--auto-approve", status=0)
    assert org.query(lease) == []
