"""One apply to an org at a time: the lease, who holds it, how it heals and how it is lost."""

import threading
from datetime import timedelta

import pytest

from provisioner.apply import lease
from provisioner.apply.lease import LeaseTaken
from provisioner.emulator.base.faults import Fault
from provisioner.emulator.control.endpoint import state
from provisioner.model.operations import DeleteRecord
from provisioner.org.errors import NotAllowed
from provisioner.org.timing import Timing


def nobody_died(_):
    return False


def groups(portal):
    return portal.query("SELECT Id, Name FROM Group WHERE DeveloperName = 'provisioner_lease'")


def test_it_is_held_by_one_and_given_back(portal):
    first = lease.acquire(portal.org, "20260101T000000Z-aaaa1111", "ci-7", nobody_died)
    with pytest.raises(LeaseTaken, match="run aaaa1111 on ci-7, by Portal Admin, since") as taken:
        lease.acquire(portal.org, "20260101T000001Z-bbbb2222", "laptop", nobody_died)
    assert 100 < taken.value.seconds <= 120
    (found,) = lease.current(portal.org).leases
    assert (found.run, found.host, found.by) == ("aaaa1111", "ci-7", "Portal Admin")
    assert first.release()
    assert groups(portal) == []
    second = lease.acquire(portal.org, "20260101T000001Z-bbbb2222", "laptop", nobody_died)
    second.release()


def test_it_costs_three_calls(portal):
    org = portal.org
    lease.acquire(org, "r-aaaa1111", "ci", nobody_died).release()
    assert org.api_calls == 3


def test_of_many_that_start_at_once_one_gets_it(portal):
    got, refused = [], []
    gate = threading.Barrier(6)

    def run(number):
        org = portal.org
        gate.wait()
        try:
            got.append(lease.acquire(org, f"r-{number:08}", "ci", nobody_died))
        except LeaseTaken:
            refused.append(number)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(got), len(refused)) == (1, 5)
    assert got[0].release()
    assert groups(portal) == []


def test_a_holder_that_died_on_this_machine_is_followed_at_once(portal):
    dead = lease.acquire(portal.org, "r-aaaa1111", "here", nobody_died)
    held = lease.acquire(portal.org, "r-bbbb2222", "here", lambda run: run == "aaaa1111")
    (found,) = lease.current(portal.org).leases
    assert found.run == "bbbb2222"
    assert dead.release()  # of its own, which is gone, and not of who came after it
    assert len(groups(portal)) == 1
    held.release()


def test_a_lease_that_nobody_renews_is_up_after_two_minutes(portal):
    local = portal.local.open()
    lease.acquire(portal.org, "r-aaaa1111", "gone", nobody_died)
    local.set_clock(local.now() + timedelta(seconds=110))
    with pytest.raises(LeaseTaken):
        lease.acquire(portal.org, "r-bbbb2222", "here", nobody_died)
    local.set_clock(local.now() + timedelta(seconds=15))
    held = lease.acquire(portal.org, "r-bbbb2222", "here", nobody_died)
    assert held.release()


def test_a_heartbeat_keeps_it(portal, monkeypatch):
    monkeypatch.setattr(lease, "timing_for", lambda _: Timing(beat=0.05))
    local = portal.local.open()
    held = lease.acquire(portal.org, "r-aaaa1111", "here", nobody_died)
    (before,) = lease.current(portal.org).leases
    local.set_clock(local.now() + timedelta(seconds=600))
    waited = threading.Event()
    for _ in range(200):
        (now,) = lease.current(portal.org).leases
        if now.beat > before.beat:
            break
        waited.wait(0.05)
    assert not now.is_stale(portal.org.now, Timing())
    assert now.beat > before.beat
    assert held.lost is None
    assert held.release()


def test_who_lost_the_lease_knows(portal, monkeypatch):
    monkeypatch.setattr(lease, "timing_for", lambda _: Timing(beat=0.05))
    held = lease.acquire(portal.org, "r-aaaa1111", "here", nobody_died)
    portal.org.call(DeleteRecord("Group", held.lease.id))
    waited = threading.Event()
    for _ in range(200):
        if held.lost:
            break
        waited.wait(0.05)
    assert "was removed" in held.lost


def test_a_user_who_may_not_take_it_is_told(portal):
    local = portal.local.open()
    from provisioner.emulator.lifecycle import first_day

    profile = portal.query("SELECT Id FROM Profile WHERE Name = 'Standard User'")[0]["Id"]
    user = {
        "Username": "plain@acme.example",
        "LastName": "Plain",
        "Email": "plain@acme.example",
        "Alias": "plain",
        "ProfileId": profile,
        "TimeZoneSidKey": "GMT",
        "LocaleSidKey": "en_US",
        "LanguageLocaleKey": "en_US",
        "EmailEncodingKey": "UTF-8",
    }
    id_ = portal.send("POST", "/sobjects/User", user).json()["id"]
    assert id_ != first_day.admin_id(local)
    portal.token = local.start_session(id_).token
    with pytest.raises(NotAllowed):
        lease.acquire(portal.org, "r-aaaa1111", "here", nobody_died)


def test_a_lost_request_for_it_is_sent_again_at_once(portal, app):
    faults = state(app).faults
    faults.arm(Fault("drop", path="/sobjects/Group", times=2))
    lost = []
    held = lease.acquire(
        portal.org,
        "r-aaaa1111",
        "here",
        nobody_died,
        uncertain=lambda: lost.append(1),
        sleep=lambda _: None,
    )
    assert len(lost) == 2
    assert held.release()
    assert groups(portal) == []
