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
    ((phone,), (active, password)) = (s["fields"] for s in plan["steps"])
    assert (phone["name"], phone["before"], phone["after"]) == ("Phone", None, "+44 20 7946 0002")
    assert (phone["file"], phone["line"]) == ("specs/acme-roster/customers.csv", 3)
    assert (active["name"], active["before"], active["after"]) == ("IsActive", False, True)
    assert (password["name"], password["after"]) == ("password", "mailed to the user")
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
    assert "more like contact/customers:C-2000, the last is contact/customers:C-2079" in plan.out
    assert plan.out.count("contact/customers:C-20") < 10
    assert len(customers.run("plan", "--format", "json", status=0).json["steps"]) == 84 * 2 + 5


def test_a_blocked_customer_gets_her_email_when_she_is_unblocked(customers, serve):
    org = serve()
    customers.add_served("acme-roster")
    customers.use(org)
    served = ("--env", "served")

    def told(said):
        return [m["recipient"].partition("@")[0] for m in said]

    waits = "1 password waits until the user is active: user/customers:C-1004."
    plan = customers.run("plan", *served, status=0).out
    assert "Logins gained: 3, lost: 0. Emails sent: 3." in plan
    assert f"Emails and logins: {waits}\n" in plan
    markdown = customers.run("plan", *served, "--format", "markdown", status=0).out
    assert "**Emails and logins**: 1 password waits until the user is active" in markdown
    customers.run("apply", *served, "--auto-approve", status=0)
    assert sorted(told(org.outbox())) == ["ada", "alan", "grace.hopper"]
    view = customers.run("plan", *served, "--format", "json", "--detailed-exitcode", status=0).json
    assert view["steps"] == []
    assert view["email_differences"] == [
        {
            "cause": "inactive",
            "text": waits.replace(": u", ": `u").rstrip(".") + "`",
            "addresses": ["user/customers:C-1004"],
            "difference": 0,
            "waiting": 1,
        }
    ]

    def unblock(rows):
        rows[4][7] = "active"

    edit(customers, unblock)
    plan = customers.run("plan", *served, status=0).out
    assert "email: a new password to mary@initech.example" in plan
    assert "Logins gained: 1, lost: 0. Emails sent: 1." in plan
    assert "Emails and logins" not in plan
    for _ in range(2):
        customers.run("apply", *served, "--auto-approve", status=0)
    assert sorted(told(org.outbox())) == ["ada", "alan", "grace.hopper", "mary"]


def test_customers_get_no_email_before_they_can_log_in(customers, serve):
    org = serve()
    customers.add_served("acme-roster")
    customers.use(org)
    people = customers.folder / "specs/acme-roster/people.yaml"
    text = people.read_text("utf-8")
    people.write_text(text.replace("    active: true\n", "    active: false\n"), "utf-8")
    applied = customers.run("apply", "--env", "served", "--auto-approve", status=0)
    waits = "3 emails wait until an active portal admits the user's profile"
    assert f"Emails and logins: {waits}: user/customers:C-1001, " in applied.out
    assert "could not log in once this is applied: the portal" in applied.err
    assert org.outbox() == []
    people.write_text(text, "utf-8")
    plan = customers.run("plan", "--env", "served", status=0).out
    assert "Logins gained: 3, lost: 0. Emails sent: 3." in plan
    assert (
        "3 logins are gained through a portal, which sends no email: portal/Customer Portal" in plan
    )
    assert "3 emails are the first password of an active user" in plan
    customers.run("apply", "--env", "served", "--auto-approve", status=0)
    assert len(org.outbox()) == 3


def test_whoever_a_large_run_skips_is_named_with_the_reason(work, org):
    org.control("PUT", "/licenses", {"PID_High_Volume_Customer_Portal": 1000})
    org.control("POST", "/faults", {"kind": "refuse", "path": "PortalProfileMembershipPage"})
    work.variables["PROVISIONER_TIME_SCALE"] = "0.02"
    work.copy_acme()
    work.use(org)
    environment = (work.folder / "specs/acme/environments/served.yaml").read_text("utf-8")
    work.write("specs/many/environments/served.yaml", environment)
    work.write(
        "specs/many/people.yaml",
        """\
settings: {OrgSettings: {enableCustomerSuccessPortal: true}}
profiles: {Customer: {clone_of: High Volume Customer Portal}}
portals: {Customer Portal: {active: true, profiles: [Customer]}}
accounts: {acme: {Name: Acme, owner: portal.admin@acme.example}}
rosters:
  people:
    file: people.csv
    key: "{{ row.Key }}"
    contact: {account: acme, LastName: "{{ row.Key }}", Email: "{{ row.Key }}@x.example"}
    user:
      profile: Customer
      Username: "{{ row.Key }}@x.example.portal"
      on_create: {password: email}
""",
    )
    keys = [f"k{number:03}" for number in range(120)]
    work.write("specs/many/people.csv", "Key\n" + "\n".join(keys) + "\n")
    ended = work.run("apply", "specs/many", "--env", "served", "--auto-approve", status=5)
    said = "120 skipped: user/people:k000, user/people:k001, user/people:k002 and 117 more: "
    assert said + "needs portal/Customer Portal, which was not applied" in ended.err
    assert org.outbox() == []
