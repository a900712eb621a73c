"""Rosters through the installed command: from a CSV file to logins, and back to the cell."""

import csv
import io
import shutil
from pathlib import Path

import pytest

ROSTER = Path(__file__).parents[2] / "specs" / "acme-roster"


@pytest.fixture
def customers(work):
    """The example of the repository in a folder of its own."""
    shutil.copytree(ROSTER, work.folder / "specs" / "acme-roster")
    return work


def edit(work, change):
    """Change the rows of the CSV file: each is a list of cells."""
    file = work.folder / "specs" / "acme-roster" / "customers.csv"
    rows = list(csv.reader(io.StringIO(file.read_text("utf-8"), newline="")))
    change(rows)
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    file.write_text(text.getvalue(), "utf-8")


def test_a_roster_is_applied_and_a_changed_cell_is_one_step(customers):
    applied = customers.run("apply", "--auto-approve", status=0)
    assert "In sync: a second plan is empty." in applied.out
    assert "+ user/customers:C-1004" in applied.out

    def change(rows):
        rows[2][6] = "+44 20 7946 0002"
        rows[4][7] = "active"

    edit(customers, change)
    plan = customers.run("plan", "--format", "json", status=0).json
    assert [(s["address"], s["action"]) for s in plan["steps"]] == [
        ("contact/customers:C-1002", "update"),
        ("user/customers:C-1004", "update"),
    ]
    ((phone,), (active,)) = (s["fields"] for s in plan["steps"])
    assert (phone["name"], phone["before"], phone["after"]) == ("Phone", None, "+44 20 7946 0002")
    assert (phone["file"], phone["line"]) == ("specs/acme-roster/customers.csv", 3)
    assert (active["name"], active["before"], active["after"]) == ("IsActive", False, True)
    drift = customers.run("drift", status=2)
    assert "specs/acme-roster/customers.csv:3" in drift.out


def test_a_part_of_a_roster_is_planned_by_its_address(customers):
    def change(rows):
        for row in rows[1:]:
            row[6] = "1"

    customers.run("apply", "--auto-approve", status=0)
    edit(customers, change)
    steps = customers.run("plan", "--target", "contact/customers:C-1003", "--format", "json").json[
        "steps"
    ]
    assert [s["address"] for s in steps] == ["contact/customers:C-1003"]
    steps = customers.run("plan", "--target", "contact/customers:*", "--format", "json").json[
        "steps"
    ]
    assert len(steps) == 4


def test_a_policy_bounds_a_roster_too(customers):
    local = "org: {login: local}\npolicy: {max_changes: 3}\n"
    customers.write("specs/acme-roster/environments/local.yaml", local)
    refused = customers.run("apply", "--auto-approve", status=4)
    assert "the policy's `max_changes` is 3" in refused.err


def test_every_wrong_cell_is_pointed_at(customers):
    def change(rows):
        rows[1][5] = "ada"
        rows[2][0] = "C-1001"
        rows[3][4] = ""

    edit(customers, change)
    said = customers.run("validate", status=1).out
    places = ["customers.csv:2:", "customers.csv:3:1", "customers.csv:4:"]
    assert all(f"specs/acme-roster/{place}" in said for place in places)
    assert "`C-1001` is the key of two rows" in said
    assert "fill in `Last Name`" in said
    assert said.count("error[") == 4
    assert customers.run("plan", status=1).err.count("error[") == 4


def test_a_wrong_column_is_told_once_in_the_spec(customers):
    def change(rows):
        rows[0][5] = "E-Mail"

    edit(customers, change)
    said = customers.run("validate", status=1).out
    assert "`row.Email` is not defined" in said
    assert "specs/acme-roster/people.yaml:" in said
    assert said.count("error[") == 1
    assert "also at specs/acme-roster/people.yaml:" in said


def test_many_steps_that_are_alike_are_counted(customers):
    def change(rows):
        rows += [
            [f"C-{n}", "20001", "Globex", "F", f"L{n}", f"p{n}@globex.example", "", "active"]
            for n in range(2000, 2080)
        ]

    edit(customers, change)
    plan = customers.run("plan", status=0)
    assert "more like contact/customers:C-2000, the last contact/customers:C-2079" in plan.out
    assert plan.out.count("contact/customers:C-20") < 10
    assert len(customers.run("plan", "--format", "json", status=0).json["steps"]) == 84 * 2 + 4
