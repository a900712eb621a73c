"""Saved plans and journals that somebody hostile wrote: refused as plans, skipped as lines.

The hostile responses of an org are in the tests of `provisioner.org`.
"""

from __future__ import annotations

import copy
import json
import os
from datetime import UTC, datetime

import pytest

from provisioner.apply import journal
from provisioner.plan import plan_file as saved

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
STEP = {
    "number": 1,
    "address": "account/acme",
    "action": "update",
    "id": "001000000000001AAA",
    "fields": [{"name": "Phone", "before": "1", "after": "2", "default": False}],
    "notes": [{"kind": "email", "text": "sends 1 e-mail", "people": 1}],
    "needs": [],
    "calls": ["UpdateRecord"],
}
PLAN = {
    "format_version": 1,
    "report": "plan",
    "spec": "specs/acme",
    "environment": "production",
    "org": {"id": "00D000000000001AAA", "name": "Acme", "instance_url": "https://acme.example"},
    "steps": [STEP],
    "problems": [],
    "summary": {},
}
NO_PLAN = "the file is not a plan that `plan --out` wrote"


def named(part):
    return f"its `{part}` is not a name that `plan --out` writes"


def sealed(path, value):
    """A plan with one value replaced, and a digest that is right."""
    plan = copy.deepcopy(PLAN)
    saved_ = {
        "targets": [],
        "excludes": [],
        "spec_digest": "sha256:0",
        "expires_at": "2026-03-02T12:00:00Z",
    }
    plan["saved"] = saved_
    inside = plan
    for step in path[:-1]:
        inside = inside[step]
    inside[path[-1]] = value
    plan["saved"]["hash"] = saved.digest(plan)
    return json.dumps(plan)


def test_plan_without_a_change_is_read():
    assert saved.parse(sealed(("spec",), "specs/acme")).environment == "production"


VALUES = {
    "spec above": (("spec",), "../acme", named("spec")),
    "spec above in its middle": (("spec",), "specs/../../acme", named("spec")),
    "spec of the system": (("spec",), "/etc", named("spec")),
    "spec of a home": (("spec",), "~root/acme", named("spec")),
    "spec of a drive": (("spec",), "C:/acme", named("spec")),
    "spec with backslashes": (("spec",), "specs\\..\\acme", named("spec")),
    "spec of another machine": (("spec",), "\\\\host\\share", named("spec")),
    "spec with a NUL": (("spec",), "specs\0", named("spec")),
    "spec with an escape": (("spec",), "specs/\x1b[31m", named("spec")),
    "spec with a bidi character": (("spec",), "specs/\u202e", named("spec")),
    "spec that is empty": (("spec",), "", named("spec")),
    "spec that is long": (("spec",), "a" * 10_000, named("spec")),
    "spec that is a number": (("spec",), 5, named("spec")),
    "spec that is a list": (("spec",), ["specs/acme"], named("spec")),
    "spec that is null": (("spec",), None, named("spec")),
    "environment above": (("environment",), "../production", named("environment")),
    "environment in a folder": (("environment",), "a/production", named("environment")),
    "environment of the system": (("environment",), "/etc/passwd", named("environment")),
    "environment that is an option": (("environment",), "--env", named("environment")),
    "environment with a line break": (("environment",), "a\nb", named("environment")),
    "environment that is empty": (("environment",), "", named("environment")),
    "environment that is a number": (("environment",), 1, named("environment")),
    "environment that is a mapping": (("environment",), {"a": 1}, named("environment")),
    "targets that are a text": (("saved", "targets"), "account/*", named("targets")),
    "targets that are a mapping": (("saved", "targets"), {"account/acme": 1}, named("targets")),
    "target that is a number": (("saved", "targets"), [1], named("targets")),
    "target that is a list": (("saved", "targets"), [["account/acme"]], named("targets")),
    "target with an escape": (("saved", "targets"), ["account/\x1b[31m"], named("targets")),
    "target that is empty": (("saved", "targets"), [""], named("targets")),
    "targets that are null": (("saved", "targets"), None, NO_PLAN),
    "exclude that is a number": (("saved", "excludes"), [5], named("excludes")),
    "org that is a number": (("org", "id"), 5, named("org")),
    "org that is a text": (("org",), "00D", NO_PLAN),
    "steps that are a number": (("steps",), 5, NO_PLAN),
    "steps that are texts": (("steps",), ["a"], NO_PLAN),
    "steps that are a mapping": (("steps",), {"a": 1}, NO_PLAN),
    "step without fields": (("steps", 0), {"address": "a/b"}, NO_PLAN),
    "address that is a list": (("steps", 0, "address"), ["a"], NO_PLAN),
    "fields that are null": (("steps", 0, "fields"), None, NO_PLAN),
    "field that is a text": (("steps", 0, "fields"), ["Phone"], NO_PLAN),
    "people that are a text": (("steps", 0, "notes", 0, "people"), "1", NO_PLAN),
    "calls that are mappings": (("steps", 0, "calls"), [{}], NO_PLAN),
    "time that is a number": (("saved", "expires_at"), 5, NO_PLAN),
    "time that is none": (("saved", "expires_at"), "tomorrow", NO_PLAN),
    "time that is too late": (("saved", "expires_at"), "9999-12-31T23:59:59-23:59", NO_PLAN),
    "format of the future": (
        ("format_version",),
        99,
        "the plan has format 99, this version reads 1: make the plan again",
    ),
    "format that is a mapping": (
        ("format_version",),
        {},
        "the plan has format {}, this version reads 1: make the plan again",
    ),
}


@pytest.mark.parametrize("name", VALUES)
def test_plan_with_a_right_digest(name):
    path, value, expected = VALUES[name]
    with pytest.raises(saved.SavedPlanError) as caught:
        saved.parse(sealed(path, value))
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "5",
        '"plan"',
        "{",
        "[" * 100_000,
        '{"a":' * 100_000,
        "NaN",
        "9" * 5000,
        "{}",
    ],
)
def test_file_that_is_no_plan(text):
    with pytest.raises(saved.SavedPlanError, match="not a plan"):
        saved.parse(text)


def test_time_without_a_zone_is_no_plan_that_was_sealed():
    with pytest.raises(saved.SavedPlanError, match="edited"):
        saved.parse(sealed(("saved", "expires_at"), "2026-03-02T12:00:00"))


# ---------------------------------------------------------------- journals

HEADER = {
    "journal": journal.FORMAT,
    "run": "r1",
    "url": "https://acme.example",
    "spec": "s",
    "environment": "e",
}
BEGIN = {
    "begin": 1,
    "step": "account/acme",
    "call": "UpdateRecord",
    "at": "2026-03-01T12:00:00.000+00:00",
}
LINES = {
    "no JSON": "{",
    "a list": "[]",
    "a number": "5",
    "a text": '"begin"',
    "null": "null",
    "nested deeply": "[" * 100_000,
    "a number of many digits": '{"begin": ' + "9" * 5000 + "}",
    "a begin that is a text": json.dumps({**BEGIN, "begin": "one"}),
    "a begin that is a list": json.dumps({**BEGIN, "begin": [1]}),
    "a begin without a step": json.dumps({"begin": 7}),
    "a step that is a number": json.dumps({**BEGIN, "begin": 7, "step": 5}),
    "a time that is none": json.dumps({**BEGIN, "begin": 7, "at": "yesterday"}),
    "an end that is a mapping": json.dumps({"end": {}, "outcome": "done"}),
    "an end without an outcome": json.dumps({"end": 1}),
    "a job without begins": json.dumps({"job": "750"}),
    "a job of texts": json.dumps({"job": "750", "begins": ["a", "b"]}),
    "something else": json.dumps({"other": 1}),
}


@pytest.mark.parametrize("name", LINES)
def test_line_of_a_journal_is_skipped_and_the_file_is_torn(name, tmp_path):
    path = tmp_path / "r1.jsonl"
    ended = {"end": 1, "outcome": "done", "at": BEGIN["at"]}
    lines = [json.dumps(HEADER), json.dumps(BEGIN), LINES[name], json.dumps(ended)]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    record = journal.read(path)
    assert record.torn
    assert record.run == "r1"
    assert (record.unknown, record.keeps_lease) == ((), False)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"\x00" * 1000, b"\n\n\n"])
def test_file_that_is_no_journal(content, tmp_path):
    path = tmp_path / "r1.jsonl"
    path.write_bytes(content)
    assert journal.read(path).unknown == ()


def test_pipe_and_folder_are_no_journals(tmp_path):
    os.mkfifo(tmp_path / "a.jsonl")
    (tmp_path / "b.jsonl").mkdir()
    assert [record.torn for record in map(journal.read, sorted(tmp_path.iterdir()))] == [True, True]
