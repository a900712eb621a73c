"""The progress of an apply calls each step by its number in the plan."""

import json
import re


def test_a_step_has_one_number(work):
    work.copy_acme()
    planned = work.run("plan", "--format", "json", status=0).json
    numbers = {step["address"]: step["number"] for step in planned["steps"]}
    ran = work.run("apply", "--auto-approve", "--log-file", "log.jsonl", status=0)
    shown = re.findall(r"^\[(\d+)/(\d+)\] . (.+?)  done$", ran.err, re.MULTILINE)
    assert {address: int(number) for number, _, address in shown} == numbers
    assert {total for _, total, _ in shown} == {str(len(numbers))}
    # The steps do not run in the plan's order, so that a count would differ.
    assert [int(number) for number, *_ in shown] != sorted(numbers.values())
    lines = (work.folder / "log.jsonl").read_text("utf-8").splitlines()
    events = [json.loads(line) for line in lines]
    ended = {e["step"]: e["number"] for e in events if e["event"] == "step_ended"}
    assert ended == numbers
