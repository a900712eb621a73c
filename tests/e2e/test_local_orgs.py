"""Local orgs side by side: each folder has its port, and the seats that it is given."""

import re
import signal
import socket
import subprocess

import pytest
import requests

SPEC = """\
settings: {OrgSettings: {enableCustomerSuccessPortal: true}}
portals:
  Customer Portal:
    {type: CustomerSuccess, active: true, emailSenderAddress: a@acme.example, emailSenderName: A}
"""


@pytest.fixture
def machine(new_work):
    """Two projects of one user of a machine, each with its own local org."""
    state = str(new_work().folder)
    projects = new_work(), new_work()
    for project in projects:
        project.variables["XDG_STATE_HOME"] = state
        project.write("x/portal.yaml", SPEC)
    return projects


def served(work, *more):
    """`org serve` as a process, and the URL where it answers."""
    process = work.start("org", "serve", *more, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    line = process.stderr.readline()
    found = re.search(r"is served at (\S+) until", line)
    assert found, line + process.stderr.read()
    return process, found[1]


def test_two_projects_are_served_side_by_side_where_apply_said(machine):
    printed = []
    for work in machine:
        out = work.run("apply", "x", "--auto-approve", status=0).out
        printed.append(re.search(r"Log in to Customer Portal: (http://127.0.0.1:\d+)/", out)[1])
    assert len(set(printed)) == 2
    with socket.socket() as probe:
        free = probe.connect_ex(("127.0.0.1", 8787)) != 0
    if free:
        assert printed[0] == "http://127.0.0.1:8787"
    processes = []
    try:
        for work, url in zip(machine, printed, strict=True):
            process, where = served(work)
            processes.append(process)
            assert where == url
            assert work.run("url", "x", status=0).out.startswith(url)
            shown = work.run("org", "show", "--format", "json", status=0).json
            assert shown["instance_url"] == url
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)
            process.stderr.close()
    # The port stays, whoever is served in the meantime.
    for work, url in zip(reversed(machine), reversed(printed), strict=True):
        assert work.run("url", "x", status=0).out.startswith(url)


def test_a_copied_folder_is_another_local_org(machine):
    work, other = machine
    first = work.run("org", "show", "--format", "json", status=0).json["instance_url"]
    subprocess.run(["cp", "-r", work.home, other.home], check=True)
    assert other.run("org", "show", "--format", "json", status=0).json["instance_url"] != first
    assert work.run("org", "show", "--format", "json", status=0).json["instance_url"] == first


def test_seats_are_set(work, port):
    process, url = served(
        work, "--port", str(port), "--seats", "Customer Community=500", "--seats", "SSP=3"
    )
    try:
        shown = work.run("org", "show", "--format", "json", status=0).json
        query = (
            "SELECT Name, Status, TotalLicenses FROM UserLicense WHERE TotalLicenses IN (3, 500)"
        )
        rows = _query(url, shown["access_token"], query)
        assert ["Customer Community", "Active", 500] in rows
        assert ["Customer Portal User", "Active", 3] in rows
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        process.stderr.close()


def _query(url, token, soql):
    answer = requests.get(
        f"{url}/services/data/v62.0/query",
        params={"q": soql},
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
    ).json()
    return [[v for k, v in row.items() if k != "attributes"] for row in answer["records"]]


@pytest.mark.parametrize(
    ("seats", "said"),
    [
        ("Customer Comunity=5", "did you mean `Customer Community`?"),
        ("Customer Community", "is not of the form LICENCE=N"),
        ("Customer Community=-1", "is not of the form LICENCE=N"),
        ("=5", "is not of the form LICENCE=N"),
    ],
)
def test_seats_of_no_licence_are_refused(work, port, seats, said):
    ran = work.run("org", "serve", "--port", port, "--seats", seats, status=1)
    assert said in ran.err
