"""The org in its file: transactions, ids, defaults, several threads and processes."""

import multiprocessing
import threading
from contextlib import suppress
from datetime import timedelta

import pytest

from provisioner.emulator.access import owned_sets
from provisioner.emulator.base import ids
from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.lifecycle.first_day import open_org
from provisioner.emulator.oauth import refresh_tokens
from provisioner.emulator.store import components, portals


@pytest.fixture
def org():
    org = open_org(":memory:")
    yield org
    org.close()


@pytest.fixture
def admin(org):
    return first_day.admin_id(org)


def test_the_first_day(org, admin):
    user = org.get("User", admin)
    assert (user["Username"], user["Name"], user["UserType"]) == (
        "portal.admin@acme.example", "Portal Admin", "Standard",
    )  # fmt: skip
    assert org.get("UserRole", user["UserRoleId"])["Name"] == "CEO"
    assert org.get("Profile", user["ProfileId"])["PermissionsManageCssUsers"] is True
    same_name = org.select("UserLicense", Name="high volume customer portal")
    assert [(row["Status"], row["TotalLicenses"]) for row in same_name] == [
        ("Disabled", 0), ("Active", 100),
    ]  # fmt: skip
    assert not org.feature("CustomerPortal")
    assert not org.select("Profile", Name="High Volume Customer Portal")


def test_two_orgs_differ_in_their_secrets_only(org):
    other = open_org(":memory:")
    try:
        assert [row["Id"] for row in org.select("Profile")] == [
            row["Id"] for row in other.select("Profile")
        ]
        for name in ("admin password", "consumer key", "consumer secret"):
            assert org.setting(name) != other.setting(name)
    finally:
        other.close()


def test_enabling_the_portal_makes_its_profiles_once(org, admin):
    for _ in range(2):
        first_day.enable_customer_portal(org, admin)
    names = [row["Name"] for row in org.select("Profile") if row["UserType"] != "Standard"]
    assert names == [
        "Chatter Free User",
        "Chatter External User",
        "Standard Guest",
        "Customer Portal Manager Custom",
        "Customer Portal Manager Standard",
        "High Volume Customer Portal",
        "Authenticated Website",
        "Authenticated Website",
        "High Volume Customer Portal User",
    ]


def test_a_transaction_is_all_or_nothing(org, admin):
    def two_accounts():
        with org.transaction():
            org.insert("Account", {"Name": "A"}, by=admin)
            with org.transaction():
                org.insert("Account", {"Name": "B"}, by=admin)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        two_accounts()
    assert org.select("Account") == []


def test_an_attempt_undoes_itself_only(org, admin):
    with org.transaction():
        org.insert("Account", {"Name": "A"}, by=admin)
        with suppress(RuntimeError), org.attempt():
            org.insert("Account", {"Name": "B"}, by=admin)
            raise RuntimeError
    assert [row["Name"] for row in org.select("Account")] == ["A"]


def test_rows_are_found_without_case_and_null_is_a_value(org, admin):
    org.insert("Contact", {"LastName": "Doe", "Email": "jane@acme.example"}, by=admin)
    org.insert("Contact", {"LastName": "Roe", "Email": ""}, by=admin)
    assert [r["LastName"] for r in org.select("Contact", Email="JANE@acme.example")] == ["Doe"]
    assert [r["LastName"] for r in org.select("Contact", Email=None)] == ["Roe"]


def test_deleted_rows_stay_where_the_object_marks_them(org, admin):
    id_ = org.insert("Account", {"Name": "A"}, by=admin)
    org.delete("Account", id_, by=admin)
    assert org.select("Account") == []
    assert org.get("Account", id_)["IsDeleted"] is True
    role = org.insert("UserRole", {"Name": "R"}, by=admin)
    org.delete("UserRole", role, by=admin)
    assert org.get("UserRole", role) is None


def test_a_profile_and_its_permission_set_go_together(org, admin):
    licence = org.select("UserLicense")[0]["Id"]
    id_ = owned_sets.insert_profile(org, {"Name": "P.1", "UserLicenseId": licence}, by=admin)
    assert org.get("Profile", id_)["FullName"] == "P%2E1"
    owned_sets.update_profile(org, id_, {"PermissionsRunReports": True}, by=admin)
    (owned,) = org.select("PermissionSet", ProfileId=id_)
    assert (owned["PermissionsRunReports"], owned["IsOwnedByProfile"]) == (True, True)
    owned_sets.delete_profile(org, id_, by=admin)
    assert org.select("PermissionSet", ProfileId=id_) == []


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("001D000000IqhSL", "001D000000IqhSLIAZ"),
        ("001D000000IqhSLIAZ", "001D000000IqhSLIAZ"),
        ("001d000000iqhsliaz", "001D000000IqhSLIAZ"),
        ("short", None),
        (None, None),
    ],
)
def test_ids_have_18_characters(given, wanted):
    assert ids.normal(given) == wanted


def test_a_recorded_checksum():
    assert ids.checked("0015500001QdZPK") == "0015500001QdZPKAA3"


def test_new_ids_follow_each_other(org):
    first, second = org.new_id("060"), org.new_id("060")
    assert (len(first), first[:3], first < second) == (18, "060", True)
    assert ids.normal(first[:15]) == first


def test_the_clock_can_be_moved(org, admin):
    start = org.now()
    org.set_clock(start.replace(year=start.year + 1, day=1))
    assert org.now().year == start.year + 1
    assert (
        str(org.now().year)
        in org.get("Account", org.insert("Account", {"Name": "A"}, by=admin))["CreatedDate"]
    )


def test_a_file_is_kept_and_seen_by_others(tmp_path):
    first = open_org(tmp_path / "org.sqlite3")
    second = open_org(tmp_path / "org.sqlite3")
    try:
        admin = first_day.admin_id(first)
        first.insert("Account", {"Name": "A"}, by=admin)
        first_day.enable_customer_portal(first, admin)
        first.add_custom_field("Account", "X__c | string 10 | X | cun")
        assert [row["Name"] for row in second.select("Account")] == ["A"]
        assert second.feature("CustomerPortal")
        assert second.select("Account")[0]["X__c"] is None
        assert (tmp_path / "org.sqlite3").stat().st_mode & 0o777 == 0o600
    finally:
        first.close()
        second.close()


def test_threads_share_an_org(tmp_path):
    for path in (":memory:", tmp_path / "org.sqlite3"):
        org = open_org(path)
        admin = first_day.admin_id(org)

        def work(org=org, admin=admin):
            for _ in range(5):
                with org.transaction():
                    id_ = org.insert("Account", {"Name": "A"}, by=admin)
                    org.update("Account", id_, {"Name": "B"}, by=admin)
                org.select("Account")

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [row["Name"] for row in org.select("Account")] == ["B"] * 20
        org.close()


def _count_up(path):
    org = open_org(path)
    for _ in range(10):
        org.next_number("shared")
    org.close()


def test_processes_share_a_file(tmp_path):
    path = tmp_path / "org.sqlite3"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_count_up, args=(path,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    org = open_org(path)
    assert org.next_number("shared") == 21
    org.close()


def test_a_reset_org_is_new(org, admin):
    org.insert("Account", {"Name": "A"}, by=admin)
    org.mail("a@acme.example", "Hello", "...")
    first_day.enable_customer_portal(org, admin)
    password = org.setting("admin password")
    org.reset()
    assert org.select("Account") == []
    assert org.outbox() == []
    assert not org.feature("CustomerPortal")
    assert org.setting("admin password") != password


def test_reading_components_writes_nothing(org):
    (connection,) = org._open
    statements = []
    connection.set_trace_callback(statements.append)
    components.rows(org, "Portal")
    components.by_name(org, "Portal", "Customer Portal")
    portals.admins(org)
    portals.profiles(org, "060000000000001AAA")
    connection.set_trace_callback(None)
    assert {statement.split()[0] for statement in statements} == {"SELECT"}


def test_expired_sessions_are_removed_when_somebody_logs_in(org, admin):
    old = org.start_session(admin)
    refresh_tokens.remember(org, "5Aep861x", old.token)
    org.set_clock(org.now() + timedelta(hours=1))
    kept = org.start_session(admin)
    org.set_clock(org.now() + timedelta(hours=1, seconds=1))
    new = org.start_session(admin)
    tokens = org.execute("SELECT token FROM session ORDER BY expires")
    assert [row[0] for row in tokens] == [kept.token, new.token]
    assert org.execute("SELECT * FROM refreshed") == []
    assert org.session(kept.token) is not None
