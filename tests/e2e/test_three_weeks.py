"""Three weeks with a roster of 300 messy rows: who joins, changes, moves, leaves and returns.

After each week the logins, emails and contacts are as expected, nobody exists twice, and a
second plan is empty.
"""

import csv
import io
from collections import Counter

import pytest

PEOPLE = 300
APPLY = ("apply", "specs/people", "--env", "served", "--auto-approve")
PLAN = ("plan", "specs/people", "--env", "served")
COLUMNS = ["Kunden-Nr", "Firma", "Vorname", "Nachname", "E-Mail", "Selbstregistrierung", "Status"]
TRUTH = ("true", "TRUE", "True", "1")
UNTRUTH = ("false", "FALSE", "False", "0")
NAMES = ("Müller", "O'Neil", "Łukasz", "Groß", "Doe", 'Al "Bud" Smith', "de la Cruz")
SPEC = """\
settings: {OrgSettings: {enableCustomerSuccessPortal: true}}
profiles:
  Customer: {clone_of: High Volume Customer Portal}
portals:
  Customer Portal: {active: true, profiles: [Customer]}
rosters:
  people:
    file: people.csv
    delimiter: ";"
    key: "{{ row['Kunden-Nr'] }}"
    absent: deactivate
    account:
      Name: "{{ row.Firma }}"
      AccountNumber: "{{ row.Firma }}"
      owner: portal.admin@acme.example
    contact:
      FirstName: "{{ row.Vorname }}"
      LastName: "{{ row.Nachname }}"
      Email: "{{ row['E-Mail'] }}"
      CanAllowPortalSelfReg: "{{ row.Selbstregistrierung }}"
    user:
      profile: Customer
      Username: "{{ row['Kunden-Nr'] | lower }}@customers.example"
      IsActive: "{{ row.Status != 'gesperrt' }}"
      follow_contact: true
      on_create: {password: email}
"""


class People:
    """The rows of the roster, as the department that exports them keeps them."""

    def __init__(self):
        self.rows = [self.person(number) for number in range(PEOPLE)]

    @staticmethod
    def person(number):
        domain = f"firma{number % 17}.example"
        email = f"P{number}@{domain}" if number % 3 == 0 else f"p{number}@{domain}"
        truth = (TRUTH, UNTRUTH)[number % 2][number // 2 % 4]
        status = "gesperrt" if number % 25 == 7 else "aktiv"
        return {
            "Kunden-Nr": f"K-{number:04}",
            "Firma": f"Firma „{number % 17}“ GmbH",
            "Vorname": f"Person {number}",
            "Nachname": NAMES[number % len(NAMES)],
            "E-Mail": email,
            "Selbstregistrierung": truth,
            "Status": status,
        }

    def __getitem__(self, number):
        return next(row for row in self.rows if row["Kunden-Nr"] == f"K-{number:04}")

    def remove(self, numbers):
        gone = {f"K-{number:04}" for number in numbers}
        removed = [row for row in self.rows if row["Kunden-Nr"] in gone]
        self.rows = [row for row in self.rows if row["Kunden-Nr"] not in gone]
        return removed

    @property
    def active(self):
        return [row for row in self.rows if row["Status"] == "aktiv"]

    def write(self, work, extra=()):
        """As a spreadsheet saves it: a byte order mark, semicolons, CRLF and blank lines."""
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, COLUMNS, delimiter=";", lineterminator="\r\n")
        writer.writeheader()
        for number, row in enumerate([*self.rows, *extra]):
            writer.writerow(row)
            if number % 50 == 10:
                text.write(("\r\n", "   \r\n", ";;;;;;\r\n", " ; ;;;;;\r\n")[number // 50 % 4])
        text.write("\r\n\r\n")
        data = text.getvalue().encode("utf-8-sig")
        (work.folder / "specs/people/people.csv").write_bytes(data)


@pytest.fixture
def people(work, org):
    org.control("PUT", "/licenses", {"PID_High_Volume_Customer_Portal": 1000})
    work.copy_acme()
    work.use(org)
    environment = (work.folder / "specs/acme/environments/served.yaml").read_text("utf-8")
    work.write("specs/people/environments/served.yaml", environment)
    work.write("specs/people/people.yaml", SPEC)
    return People()


def rows(org, soql):
    page = org.send("GET", "/query", params={"q": soql}).json()
    found = page["records"]
    while not page["done"]:
        path = page["nextRecordsUrl"].removeprefix("/services/data/v62.0")
        page = org.send("GET", path).json()
        found += page["records"]
    return found


def assert_is(org, people, contacts):
    """Logins and contacts are those of the roster, and nobody exists twice."""
    users = rows(
        org,
        "SELECT Username, Email, IsActive, Contact.Email, Contact.LastName, Contact.Account.Name "
        "FROM User WHERE ContactId != null",
    )
    active = {user["Username"]: user for user in users if user["IsActive"]}
    wanted = {f"{row['Kunden-Nr'].lower()}@customers.example": row for row in people.active}
    assert active.keys() == wanted.keys()
    for username, row in wanted.items():
        contact = active[username]["Contact"]
        assert contact["Email"] == row["E-Mail"].lower()
        assert active[username]["Email"] == row["E-Mail"].lower()
        assert contact["LastName"] == row["Nachname"]
        assert contact["Account"]["Name"] == row["Firma"]
    assert len(users) == len({user["Username"] for user in users})
    assert len(rows(org, "SELECT Id FROM Contact")) == contacts
    assert len(rows(org, "SELECT Id FROM Account")) == 17


def passwords(org):
    """How many password emails each person got since the last look."""
    mails = [mail for mail in org.outbox() if "password" in mail["body"].lower()]
    org.control("DELETE", "/outbox")
    return Counter(mail["recipient"] for mail in mails)


def emails_of(people):
    return Counter(row["E-Mail"].lower() for row in people)


def test_three_weeks_with_a_roster_of_300_messy_rows(work, org, people):
    # The first export has a person twice. Nothing is applied before that is corrected.
    people.write(work, extra=[people[5], people[6]])
    refused = work.run(*APPLY, status=1)
    assert "specs/people/people.csv" in refused.err
    assert refused.err.count("K-0005") >= 1
    assert rows(org, "SELECT Id FROM Contact") == []

    people.write(work)
    work.run(*APPLY, status=0)
    assert_is(org, people, contacts=PEOPLE)
    assert passwords(org) == emails_of(people.active)
    assert "In sync" in work.run(*PLAN, status=0).out

    # Week 1: ten people join, five have a new email, five a new name, and capitals change.
    people.rows += [people.person(number) for number in range(PEOPLE, PEOPLE + 10)]
    joined = [row for row in people.active if int(row["Kunden-Nr"][2:]) >= PEOPLE]
    for number in range(20, 25):
        people[number]["E-Mail"] = f"new.{people[number]['E-Mail']}"
    for number in range(30, 35):
        people[number]["Nachname"] += "-Meyer"
    for number in range(40, 50):
        people[number]["E-Mail"] = people[number]["E-Mail"].upper()
    people.write(work)
    plan = work.run(*PLAN, "--format", "json", status=0).json
    assert plan["summary"]["create"] == 20
    work.run(*APPLY, status=0)
    assert_is(org, people, contacts=PEOPLE + 10)
    assert passwords(org) == emails_of(joined)
    assert "In sync" in work.run(*PLAN, status=0).out

    # Week 2: five people move to another company, and ten leave.
    for number in range(60, 65):
        people[number]["Firma"] = people[number + 1]["Firma"]
    left = people.remove(range(100, 110))
    leavers = sum(row["Status"] == "aktiv" for row in left)
    people.write(work)
    work.run(*APPLY, "--policy", f"max_deactivations={leavers - 1}", status=4)
    assert_is_active(org, left)
    work.run(*APPLY, status=0)
    assert_is(org, people, contacts=PEOPLE + 10)
    assert passwords(org) == Counter()
    assert "In sync" in work.run(*PLAN, status=0).out

    # Week 3: three of them return, and two people who were blocked may log in.
    people.rows += left[:3]
    unblocked = [people[7], people[32]]
    for row in unblocked:
        assert row["Status"] == "gesperrt"
        row["Status"] = "aktiv"
    people.write(work)
    work.run(*APPLY, status=0)
    assert_is(org, people, contacts=PEOPLE + 10)
    # A returner still has the password; who was blocked from the start gets the first one now.
    never = [row for row in left[:3] if row["Status"] == "gesperrt"]
    assert passwords(org) == emails_of(unblocked) + emails_of(never)
    assert "In sync" in work.run(*PLAN, status=0).out
    assert "No drift" in work.run("drift", "specs/people", "--env", "served", status=0).out


def assert_is_active(org, people):
    usernames = {
        user["Username"] for user in rows(org, "SELECT Username FROM User WHERE IsActive = true")
    }
    wanted = {
        f"{row['Kunden-Nr'].lower()}@customers.example"
        for row in people
        if row["Status"] == "aktiv"
    }
    assert wanted <= usernames
