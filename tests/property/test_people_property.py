"""Whatever is edited in a roster, nobody becomes a second contact: only a new key adds one."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import HealthCheck, Phase, event, given, note, settings
from hypothesis import strategies as st

from provisioner.model.outcome import Outcome

COLUMNS = ("Key", "Company", "First", "Last", "Email")
FIRST = ("Ann", "Bob", "Zoë", "ann")
LAST = ("Doe", "O'Neil", "Müller")
COMPANIES = ("C-1", "C-2")
# A username that stays when the email changes, and one that follows it.
USERNAMES = {"key": "{{ row.Key }}@users.example", "email": "{{ row.Email | lower }}.portal"}


def spec(usernames):
    return {
        "settings": {"OrgSettings": {"enableCustomerSuccessPortal": True}},
        "profiles": {"Customer": {"clone_of": "High Volume Customer Portal"}},
        "rosters": {
            "people": {
                "file": "people.csv",
                "key": "{{ row.Key }}",
                "account": {
                    "Name": "{{ row.Company }}",
                    "AccountNumber": "{{ row.Company }}",
                    "owner": "portal.admin@acme.example",
                },
                "contact": {
                    "FirstName": "{{ row.First }}",
                    "LastName": "{{ row.Last }}",
                    "Email": "{{ row.Email }}",
                },
                "user": {"profile": "Customer", "Username": USERNAMES[usernames]},
            }
        },
    }


people = st.lists(
    st.tuples(st.sampled_from(COMPANIES), st.sampled_from(FIRST), st.sampled_from(LAST)),
    min_size=1,
    max_size=4,
)
# One field of one row is changed; by its number, so that a row can be changed more than once.
edits = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(("First", "Last", "Email", "case"))), max_size=4
)
joiners = st.integers(0, 2)
leavers = st.sets(st.integers(0, 3), max_size=2)


@pytest.mark.parametrize("usernames", sorted(USERNAMES))
def test_contacts_grow_by_new_keys_only(rehearse, usernames):
    @settings(
        max_examples=12,
        deadline=None,
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    @given(
        people=people, weeks=st.lists(st.tuples(edits, joiners, leavers), min_size=1, max_size=2)
    )
    def run(people, weeks):
        at = rehearse()
        try:
            rows = [new_row(number, *person) for number, person in enumerate(people)]
            apply(at, usernames, rows)
            known, contacts = {row["Key"] for row in rows}, count(at)
            assert contacts == len(rows)
            for week, (edits, joiners, leavers) in enumerate(weeks):
                edited = edit(rows, edits, usernames)
                numbers = range(100 * (week + 1), 100 * (week + 1) + joiners)
                edited += [new_row(number, "C-1", "New", f"Joiner {number}") for number in numbers]
                wanted = [row for n, row in enumerate(edited) if n not in leavers]
                note(str(wanted))
                new = {row["Key"] for row in wanted} - known
                problems = apply(at, usernames, wanted)
                event(f"applied {not problems}")
                assert count(at) <= contacts + len(new), problems
                # What is refused is taken back: a later edit is compared with the org as it is.
                if not problems:
                    assert count(at) == contacts + len(new)
                    known |= new
                    rows = wanted
                contacts = count(at)
                assert at.doubled() == []
        finally:
            at.close()

    run()


def new_row(number, company, first, last):
    return {
        "Key": f"K-{number}",
        "Company": company,
        "First": first,
        "Last": last,
        "Email": f"p{number}@acme.example",
    }


def edit(rows, edits, usernames):
    """The rows with some fields changed. Where the username follows the email, a row whose email
    changes keeps its name: a row that changes in every respect is another person.
    """
    changed = [dict(row) for row in rows]
    for step, (number, field) in enumerate(edits):
        if number >= len(changed):
            continue
        row, before = changed[number], rows[number]
        new_name = row["First"] != before["First"] or row["Last"] != before["Last"]
        new_email = row["Email"].lower() != before["Email"].lower()
        if field == "case":
            row["Email"] = row["Email"].swapcase()
        elif field == "Email" and not (usernames == "email" and new_name):
            row["Email"] = f"new{step}.{row['Email']}"
        elif field in ("First", "Last") and not (usernames == "email" and new_email):
            row[field] = f"{row[field]} {step}"
    return changed


def apply(at, usernames, rows):
    """Plan and apply; the codes of the errors that kept the plan from being applied."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    (at.folder / "people.csv").write_text(text.getvalue(), "utf-8")
    planned = at.plan(spec(usernames))
    if planned.plan.errors:
        return [problem.code for problem in planned.plan.errors]
    assert {r.outcome for r in at.apply(planned)} <= {Outcome.DONE}
    assert at.plan(spec(usernames)).plan.steps == ()
    return []


def count(at):
    return len(at.local.select("Contact"))
