"""Where nobody can log in, no address is offered; and an org of sites is not told to be of portals."""

import pytest

SPEC = """\
settings: {OrgSettings: {enableCustomerSuccessPortal: true}}
portals:
  Customer Portal:
    type: CustomerSuccess
    active: ACTIVE
    emailSenderAddress: a@acme.example
    emailSenderName: A
    profiles: [High Volume Customer Portal]
accounts: {acme: {Name: Acme, owner: portal.admin@acme.example}}
contacts: {jane: {account: acme, LastName: Doe, Email: jane@x.example}}
users:
  jane:
    contact: jane
    profile: High Volume Customer Portal
    Username: jane@x.example.portal
"""
SITES = "settings: {CommunitiesSettings: {enableNetworksEnabled: true}}\n"


def test_the_address_of_an_inactive_portal_is_not_offered(work):
    work.write("x/portal.yaml", SPEC.replace("ACTIVE", "true"))
    assert (
        "Log in to Customer Portal: http" in work.run("apply", "x", "--auto-approve", status=0).out
    )
    assert work.run("url", "x", status=0).out.startswith("http")

    work.write("x/portal.yaml", SPEC.replace("ACTIVE", "false"))
    ran = work.run("apply", "x", "--auto-approve", status=0)
    assert "portalId" not in ran.said
    ran = work.run("url", "x", status=1)
    assert ran.out == ""
    assert "`Customer Portal` is not active" in ran.err
    assert "set `active: true` in `portals.Customer Portal`" in ran.err
    (one,) = work.run("url", "x", "--format", "json", status=1).json
    assert (one["url"], one["active"]) == (None, False)
    found = work.run("explain", "login", "jane", "--spec", "x", "--format", "json", status=2).json
    assert (found["portal"], found["url"]) == ("Customer Portal", None)


def test_an_org_of_sites_is_not_told_to_enable_the_customer_portal(work):
    work.write("x/portal.yaml", SITES)
    work.run("apply", "x", "--auto-approve", status=0)
    ran = work.run("explain", "login", "nobody@x.example", "--spec", "x", status=2)
    assert "enableCustomerSuccessPortal" not in ran.said
    work.write(
        "x/portal.yaml",
        SITES + SPEC[SPEC.index("portals:") : SPEC.index("accounts:")].replace("ACTIVE", "true"),
    )
    ran = work.run("plan", "x", status=1)
    assert "portal-is-off" in ran.err
    assert "this org has sites instead: declare no portal for it" in ran.err
    assert "enableCustomerSuccessPortal" not in ran.err


def test_drift_of_a_spec_without_a_portal_tells_what_is_not_managed(work):
    work.write("x/portal.yaml", SPEC.replace("ACTIVE", "true"))
    work.run("apply", "x", "--auto-approve", status=0)
    work.write("y/accounts.yaml", "accounts: {acme: {Name: Acme}}\n")
    found = work.run("drift", "y", "--format", "json", status=0).json
    assert {(u["kind"], u["name"]) for u in found["unmanaged"]} == {
        ("portal", "Customer Portal"),
        ("profile", "High Volume Customer Portal"),
        ("user", "jane@x.example.portal"),
    }


@pytest.mark.parametrize("file", ["adopted.patch", "-"])
def test_what_can_be_adopted_is_adopted_although_one_resource_has_an_error(work, file):
    work.write(
        "x/a.yaml", "accounts:\n  acme: {Name: Acme, Fax: '1'}\n  beta: {Name: Beta, Fax: '1'}\n"
    )
    work.run("apply", "x", "--auto-approve", status=0)
    wrong = (
        "accounts:\n  acme: {Name: Acme, Fax: '2'}\n  beta: {Name: Beta, Fax: '2', Region__c: x}\n"
    )
    work.write("x/a.yaml", wrong)
    ran = work.run("drift", "x", "--adopt", file, status=1)
    assert "unknown-field" in ran.err
    assert "not adopted: account/beta: it has an error, which must be fixed first" in ran.err
    patch = ran.out if file == "-" else (work.folder / file).read_text("utf-8")
    changed = [
        line for line in patch.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")
    ]
    assert changed == ["-  acme: {Name: Acme, Fax: '2'}", "+  acme: {Name: Acme, Fax: '1'}"]
