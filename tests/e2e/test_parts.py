"""`--target` and `--exclude`: a part of the spec, planned, saved and applied."""

import json

import pytest


@pytest.fixture
def acme(work):
    work.copy_acme()
    return work


@pytest.mark.parametrize("command", ["plan", "drift", "apply"])
def test_an_address_that_is_not_in_the_spec_is_refused_with_the_nearest(command, acme):
    refused = acme.run(command, "--target", "contact/jan", "--exclude", "acount/*", status=1)
    assert "the spec has no `contact/jan`" in refused.err
    assert "did you mean `contact/jane`?" in refused.err
    assert "the spec has no `acount/*`" in refused.err
    assert refused.out == ""


def test_a_target_is_applied_with_what_it_needs_and_nothing_else(acme):
    applied = acme.run("apply", "--target", "profile/*", "--auto-approve", status=0)
    assert "Applied: 2 done" in applied.out
    assert "In sync" in applied.out
    whole = acme.run("plan", "--format", "json", status=0).json
    assert "settings/OrgSettings" not in [s["address"] for s in whole["steps"]]
    assert len(whole["steps"]) == 5


def test_an_exclude_says_what_it_takes_along(acme):
    planned = acme.run("plan", "--exclude", "contact/*", status=0)
    assert "Skipped: user/jane, because it needs contact/jane." in planned.out


def test_a_saved_plan_of_a_part_is_applied_as_that_part_or_less(acme):
    acme.run("plan", "--target", "account/*", "--target", "profile/*", "--out", "p.json", status=0)
    saved = json.loads((acme.folder / "p.json").read_text("utf-8"))["saved"]
    assert saved["targets"] == ["account/*", "profile/*"]
    less = acme.run("apply", "p.json", "--exclude", "account/*", "--auto-approve", status=0)
    assert "Applied: 2 done" in less.out
    assert "Applied: 1 done" in acme.run("apply", "p.json", "--auto-approve", status=0).out
    more = acme.run("apply", "p.json", "--target", "contact/*", "--auto-approve", status=4)
    assert "contact/jane: create is not in the plan" in more.err
