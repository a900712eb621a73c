"""jsforce, a client in another language, against the local org on a port."""

import base64
import io
import json
import os
import shutil
import subprocess
import tempfile
import threading
import zipfile
import zlib
from pathlib import Path

import pytest

from provisioner.emulator.app import create_app
from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.server import Server

HERE = Path(__file__).parent / "jsforce"
PATIENCE = 120  # seconds


@pytest.fixture(scope="session")
def modules():
    """The folder of the installed node modules, kept from one run to the next."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if not npm or not node:
        pytest.skip("node and npm are not here")
    lock = (HERE / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "provisioner-tests"
    kept = cache / f"jsforce-{zlib.crc32(lock):08x}"
    if not kept.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=cache))
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, made)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(
            command, cwd=made, capture_output=True, check=False, text=True, timeout=PATIENCE
        )
        if done.returncode:
            shutil.rmtree(made)
            pytest.skip(f"npm could not install jsforce: {done.stderr.strip()[-300:]}")
        try:
            made.rename(kept)
        except OSError:  # another worker was faster
            shutil.rmtree(made)
    return kept / "node_modules"


@pytest.fixture
def jsforce(modules, local, admin):
    """Runs a scenario of scenarios.cjs; returns what it printed."""
    server = Server(create_app(local))
    thread = threading.Thread(target=server.run)
    thread.start()
    environment = {
        "PATH": os.environ["PATH"],
        "NODE_PATH": str(modules),
        "ORG_URL": server.url,
        "ORG_USERNAME": first_day.ADMIN_USERNAME,
        "ORG_PASSWORD": local.setting("admin password"),
        "ORG_TOKEN": local.start_session(admin).token,
        "ORG_KEY": local.setting("consumer key"),
        "ORG_SECRET": local.setting("consumer secret"),
    }

    def run(scenario, **more):
        done = subprocess.run(
            ["node", HERE / "scenarios.cjs", scenario],
            check=False,
            env=environment | more,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    yield run
    server.close()
    thread.join()


def test_login_with_username_and_password_over_soap(jsforce, local, admin):
    answer = jsforce("loginWithSoap")
    organization = local.select("Organization")[0]["Id"]
    assert answer["user"]["id"] == admin
    assert answer["user"]["organizationId"] == organization
    assert answer["found"] == first_day.ADMIN_USERNAME
    assert answer["gone"]["errorCode"] == "INVALID_SESSION_ID"


def test_a_wrong_password_over_soap(jsforce, local):
    answer = jsforce("wrongPassword")
    assert "INVALID_LOGIN" in json.dumps(answer)
    assert [row["Status"].lower() for row in local.select("LoginHistory")] == ["invalid password"]


def test_login_with_username_and_password_over_oauth(jsforce, admin):
    answer = jsforce("loginWithOAuth")
    assert (answer["user"]["id"], answer["username"]) == (admin, first_day.ADMIN_USERNAME)


def test_limits_and_the_usage_header(jsforce):
    answer = jsforce("versions")
    assert answer["limits"]["Max"] == answer["usage"]


def test_queries_and_their_pages(jsforce):
    wrong = "\nSELECT Nothing FROM Account\n       ^\nERROR at Row:1:Column:8\nNo such column 'Nothing' on entity 'Account'."
    answer = jsforce("queries")
    refusal = answer.pop("wrong")
    assert (refusal["errorCode"], refusal["message"].startswith(wrong)) == ("INVALID_FIELD", True)
    assert answer == {
        "made": 250,
        "pages": [[250, 200, False], [250, 50, True]],
        "all": 250,
        "found": ["Account 249", "Account 248", "Account 247"],
        "children": ["Doe"],
        "count": 250,
    }


def test_records_are_made_changed_found_by_key_and_removed(jsforce):
    answer = jsforce("records")
    assert answer.pop("gone")["errorCode"] == "ENTITY_IS_DELETED"
    assert answer.pop("missing")["errorCode"] == "REQUIRED_FIELD_MISSING"
    assert answer == {
        "success": True,
        "row": {"Name": "Acme Corporation", "Industry": "Banking", "type": "Account"},
        "many": [[True, []], [False, ["REQUIRED_FIELD_MISSING"]]],
        "upserts": [True, False],
        "sameRow": True,
        "removed": True,
    }


def test_describes(jsforce):
    answer = jsforce("describes")
    assert (answer["name"], answer["email"]) == ("Contact", "email")
    assert {"Account", "Contact", "User"} <= set(answer["objects"])


def test_metadata_is_saved_read_listed_and_removed(jsforce):
    answer = jsforce("metadata")
    assert {"Profile", "Layout"} <= set(answer.pop("types"))
    assert answer == {
        "saved": [True, True],
        "again": [True, False],
        "read": ["Portal Members", "changed"],
        "listed": True,
        "removed": True,
    }


def test_a_site_is_made_joined_opened_and_published(jsforce, local, admin):
    first_day.enable_digital_experiences(local, admin)
    assert jsforce("sites") == {
        "message": "Your site is almost ready. To track the site creation status, query the"
        " BackgroundOperation object and enter the jobId as the Id.",
        "states": ["Waiting", "Running", "Complete"],
        "status": "UnderConstruction",
        "again": ["INVALID_INPUT", "Enter a different name. That one already exists."],
        "steps": ["WaitingForAdd", "AddCalculated", "Added"],
        "removed": "INVALID_TYPE_FOR_OPERATION",
        "profiles": ["admin", "customer community user"],
        "live": True,
        "after": "Live",
        "published": ["Acme Help", True],
        "listed": ["Acme Help"],
    }


PROFILE = (
    '<Profile xmlns="http://soap.sforce.com/2006/04/metadata"><custom>true</custom>'
    "<description>by deploy</description><userLicense>{license}</userLicense></Profile>"
)
MANIFEST = (
    '<Package xmlns="http://soap.sforce.com/2006/04/metadata"><types><members>Deployed</members>'
    "<name>Profile</name></types><version>60.0</version></Package>"
)


def package(license_):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("package.xml", MANIFEST)
        archive.writestr("profiles/Deployed.profile", PROFILE.format(license=license_))
    return base64.b64encode(data.getvalue()).decode()


def test_packages_are_deployed(jsforce):
    answer = jsforce("deploy", PACKAGE=package("Salesforce"), WRONG_PACKAGE=package("Nothing"))
    assert answer == {
        "done": [True, "Succeeded", 1],
        "failed": [False, "Failed", 1],
        "rest": [True, "Succeeded"],
        "read": "by deploy",
    }


def test_a_package_is_retrieved(jsforce):
    assert jsforce("retrieve") == {"success": True, "zip": True}


def test_bulk_2_jobs(jsforce):
    assert jsforce("bulk2") == {
        "made": 30,
        "failed": ["REQUIRED_FIELD_MISSING"],
        "unprocessed": 0,
        "names": 30,
        "removed": 30,
        "left": 0,
    }


def test_bulk_1_jobs(jsforce):
    assert jsforce("bulk1") == {"made": [True] * 5, "left": 5}


def test_tooling_queries(jsforce):
    assert jsforce("tooling") == ["Admin"]


def test_composite_calls(jsforce):
    answer = jsforce("composite")["compositeResponse"]
    assert [one["httpStatusCode"] for one in answer] == [201, 200]
    assert answer[1]["body"]["Name"] == "A"


def test_records_are_searched(jsforce):
    assert jsforce("searching") == {
        "found": ["Acme"], "recent": ["Account"], "refused": "MALFORMED_SEARCH",
    }  # fmt: skip


def test_what_changed_lately(jsforce):
    assert jsforce("changed") == {"updated": 2, "deleted": [True]}


def test_many_records_at_once(jsforce):
    assert jsforce("many") == {
        "changed": [True] * 3,
        "site": "Account 11, here",
        "removed": [True] * 3,
        "retrieved": 9,
        "upserted": [True, True, False],
        "whole": [["ALL_OR_NONE_OPERATION_ROLLED_BACK"], ["REQUIRED_FIELD_MISSING"]],
    }


def test_tokens_are_refreshed_and_revoked(jsforce):
    assert jsforce("tokens") == {
        "again": "Bearer",
        "refreshed": [True],
        "rows": 1,
        "revoked": {"name": "invalid_grant", "message": "expired access/refresh token"},
    }


def test_tooling_records(jsforce):
    assert jsforce("toolingRecords") == {
        "knows": True, "profile": "System Administrator", "fields": True,
    }  # fmt: skip


def test_bulk_1_queries_and_upserts(jsforce):
    assert jsforce("bulk1Queries") == {
        "names": [f"Account {n}" for n in range(4)],
        "done": [True],
        "state": "Closed",
        "failed": True,
    }


def test_bulk_2_jobs_step_by_step(jsforce):
    answer = jsforce("bulk2Jobs")
    assert (answer["made"], answer["state"]) == (2, "Aborted")
    assert (answer["gone"]["errorCode"], answer["wrong"]["errorCode"]) == ("NOT_FOUND", "API_ERROR")
