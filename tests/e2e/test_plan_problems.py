"""What Salesforce would refuse and a plan can know: an error at the line, and no step is taken."""

import pytest

# The problem that is expected at a line stands behind it.
SPEC = """\
settings:
  OrgSettings:
    enableCustomerSuccessPortal: false # one-way-switch
portals:
  Acme Customer Portal:
    admin: Nora Norole # admin-without-permission
accounts:
  norole:
    Name: Account of Nora
    owner: nora.norole@acme.example # owner-without-role
  acme:
    Name: Acme Corporation
    Nmae__c: x # unknown-field
contacts:
  norole:
    account: norole
    LastName: Without Role
    Email: norole@acme.example
  lonely:
    LastName: Lonely
    Email: lonely@acme.example
  internal:
    account: acme
    LastName: Internal
    Email: internal@acme.example
  late:
    account: acme
    LastName: Late
    Email: late@acme.example
  taken:
    account: acme
    LastName: Taken
    Email: taken@acme.example
  jane:
    account: acme
    LastName: Doe
    Email: jane.doe@acme.example
users:
  norole:
    contact: norole
    profile: Acme Portal User
    Username: norole@acme.example
  lonely:
    contact: lonely
    profile: Acme Portal User
    Username: lonely@acme.example
  internal:
    contact: internal
    profile: Standard User # licence-does-not-fit
    Username: internal@acme.example
  late:
    contact: late
    profile: PlatformPortal # no-seat-left
    Username: late@acme.example
  taken:
    contact: taken # contact-is-fixed
    profile: Acme Portal User
    Username: portal.admin@acme.example
  second:
    contact: jane # contact-has-a-user
    profile: Acme Portal User
    Username: second@acme.example
"""
# A contact without an account is blamed where the contact is, for there is no line with one.
EXPECTED = {
    "contact-without-account": SPEC.splitlines().index("  lonely:") + 1,
    **{
        line.split("# ")[1]: number
        for number, line in enumerate(SPEC.splitlines(), 1)
        if "# " in line
    },
}
SEATS = 10  # of the licence Authenticated Website


@pytest.fixture
def shop(work, org, watched):
    """The walk-through's portal as applied, its org made difficult, and a spec that is wrong."""
    work.copy_acme()
    work.use(org, watched.url)
    work.run("apply", "--env", "served", "--auto-approve", status=0)
    org.user("Nora", "Norole", "Standard User")
    account = org.id("Account", "Name='Acme Corporation'")
    licence = org.id("UserLicense", "LicenseDefinitionKey='Platform_Portal_User'")
    org.create("Profile", Name="Sitting", UserLicenseId=licence)
    for number in range(SEATS):
        contact = org.create("Contact", LastName=f"Seat {number}", AccountId=account)
        org.user("On", f"Seat{number}", "Sitting", ContactId=contact)
    environment = (work.folder / "specs/acme/environments/served.yaml").read_text("utf-8")
    work.write("specs/wrong/environments/served.yaml", environment)
    work.write("specs/wrong/portal.yaml", SPEC)
    watched.requests.clear()
    return work


def test_each_is_an_error_at_its_line_and_nothing_is_written(shop, watched):
    planned = shop.run("plan", "specs/wrong", "--env", "served", "--format", "json", status=1)
    found = {(p["code"], p["line"]) for p in planned.json["problems"] if p["severity"] == "error"}
    assert found == set(EXPECTED.items())
    assert all(p["file"] == "specs/wrong/portal.yaml" for p in planned.json["problems"])
    assert not any(step["calls"] for step in planned.json["steps"])

    refused = shop.run("apply", "specs/wrong", "--env", "served", "--auto-approve", status=1)
    for code, line in EXPECTED.items():
        assert f"error[{code}]" in refused.err
        assert f"--> specs/wrong/portal.yaml:{line}:" in refused.err
    assert "10 of 10 are used" in refused.err
    assert "jane.doe@acme.example.portal" in refused.err
    assert watched.writes() == []
