"""How many SQL statements a request runs, and that it sees one state of the org."""

import sqlite3
import threading

import pytest

from provisioner.emulator.lifecycle.first_day import open_org
from provisioner.emulator.store import database


@pytest.fixture
def statements(monkeypatch):
    """The SQL that the org runs, in order; not that of triggers."""
    seen = []

    class Counting(sqlite3.Connection):
        def execute(self, sql, *parameters):
            seen.append(sql)
            return super().execute(sql, *parameters)

    connect = sqlite3.connect
    monkeypatch.setattr(
        database.sqlite3, "connect", lambda *a, **k: connect(*a, **k, factory=Counting)
    )
    return seen


@pytest.fixture
def counted(statements, rest):
    """Sends a request and gives the number of its statements."""

    def send(method, path, body=None, **more):
        statements.clear()
        status, answer = rest(method, path, body, **more)
        assert status < 300, answer
        return len(statements)

    return send


@pytest.fixture
def local(statements):
    org = open_org(":memory:")
    yield org
    org.close()


def test_a_portal_user_takes_at_most_25_statements(counted, person, profiles):
    person["ProfileId"] = profiles["High Volume Customer Portal"]
    assert counted("POST", "/sobjects/User", person) <= 25


def test_a_user_of_the_company_takes_at_most_25_statements(counted, person, profiles):
    values = {name: value for name, value in person.items() if name != "ContactId"}
    values["ProfileId"] = profiles["Standard User"]
    assert counted("POST", "/sobjects/User", values) <= 25


@pytest.mark.parametrize("name", ["User", "Account", "Contact", "Profile"])
def test_a_describe_takes_at_most_10_statements(counted, name):
    assert counted("GET", f"/sobjects/{name}/describe") <= 10


@pytest.mark.parametrize(
    "soql",
    [
        "SELECT Id, Name, Account.Name FROM Contact",
        "SELECT Id FROM User WHERE Profile.Name = 'Standard User' ORDER BY Name LIMIT 5",
        "SELECT COUNT(Id) FROM Account",
        "SELECT Id FROM Contact WHERE CreatedDate = TODAY",
        "SELECT Id, Name FROM Profile",
    ],
)
def test_a_query_takes_at_most_10_statements(counted, person, soql):
    assert counted("GET", "/query", params={"q": soql}) <= 10


def test_reading_a_component_writes_nothing(statements, rest, portal_on):
    statements.clear()
    rest.query("SELECT Id FROM Profile")
    rest("GET", "/tooling/query", params={"q": "SELECT Id FROM CustomField"})
    assert [sql for sql in statements if sql.lstrip().startswith("CREATE")] == []


def test_a_snapshot_sees_one_state_while_others_write(tmp_path):
    one, other = (open_org(tmp_path / "org.sqlite3") for _ in range(2))
    with one.snapshot():
        assert one.setting("color") is None
        other.put_setting("color", "red")
        assert one.setting("color") is None
        assert one.execute("SELECT value FROM setting WHERE name = 'color'") == []
    with one.snapshot():
        assert one.setting("color") == "red"
    one.close()
    other.close()


def test_a_transaction_in_a_stale_snapshot_starts_from_the_newest_state(tmp_path):
    one, other = (open_org(tmp_path / "org.sqlite3") for _ in range(2))
    with one.snapshot():
        assert one.setting("color") is None
        other.put_setting("color", "red")
        with one.transaction():
            assert one.setting("color") == "red"
            one.put_setting("shade", f"dark {one.setting('color')}")
        assert one.setting("shade") == "dark red"
    assert other.setting("shade") == "dark red"
    one.close()
    other.close()


def test_a_transaction_in_a_snapshot_waits_for_the_writer(tmp_path):
    one, other = (open_org(tmp_path / "org.sqlite3") for _ in range(2))
    begun, end = threading.Event(), threading.Event()

    def write():
        with other.transaction():
            other.put_setting("color", "red")
            begun.set()
            end.wait(9)

    thread = threading.Thread(target=write)
    thread.start()
    begun.wait(9)
    with one.snapshot():
        assert one.setting("color") is None
        end.set()
        with one.transaction():
            assert one.setting("color") == "red"
    thread.join()
    one.close()
    other.close()


def test_what_a_request_counts_is_kept_when_its_transaction_is_undone(tmp_path):
    org = open_org(tmp_path / "org.sqlite3")
    with org.snapshot():
        assert org.api_call() == 1
        with pytest.raises(KeyError), org.transaction():
            raise KeyError
        assert org.api_calls() == 1
    assert org.api_calls() == 1
    with org.snapshot():
        assert org.api_call() == 2
        org.put_setting("color", "red")
        assert org.api_calls() == 2
    assert org.api_calls() == 2
    org.close()
