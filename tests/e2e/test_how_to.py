"""The case of the how-to's readers: two clones that look alike, and an error that names neither."""

import pytest

JANE = "jane.doe@acme.example.portal"
ERROR = (
    "Your user profile is not associated with this service. "
    "Please contact your administrator for more information."
)
SERVED = ("--env", "served")
PASSWORD = "battery5staple"


@pytest.fixture
def reader(work, serve):
    """The walk-through done, with one more clone, and a password that Jane has chosen."""
    work.copy_acme()
    org = serve()
    work.use(org)
    work.write(
        "specs/acme/clones.yaml",
        "profiles: {Acme Portal Users: {clone_of: High Volume Customer Portal}}\n",
    )
    work.run("apply", *SERVED, "--auto-approve", status=0)
    user = org.id("User", f"Username='{JANE}'")
    org.send("POST", f"/sobjects/User/{user}/password", {"NewPassword": PASSWORD})
    return org


def logged_in(work, status):
    given = ["--password-env", "JANES_PASSWORD"]
    return work.run(
        "verify", "login", "jane", *given, *SERVED, status=status, JANES_PASSWORD=PASSWORD
    )


def explained(work):
    command = ["explain", "login", "jane", *SERVED, "--error", ERROR, "--format", "json"]
    return work.run(*command, status=2).json


def line_of(work, file, text):
    lines = (work.folder / file).read_text("utf-8").splitlines()
    return next(n for n, line in enumerate(lines, 1) if text in line)


def test_a_clone_of_high_volume_customer_portal_assigned_to_user_and_portal_same_error(
    work, reader
):
    logged_in(work, status=0)

    # Both have a clone: the user one, and the portal the other.
    other = reader.id("Profile", "Name='Acme Portal Users'")
    reader.change("User", f"Username='{JANE}'", ProfileId=other)
    assert ERROR in logged_in(work, status=5).out
    found = explained(work)
    assert found["answer"] == (
        f"{JANE} cannot log in to `Acme Customer Portal`: the profile `Acme Portal Users` is not "
        "one of the profiles of `Acme Customer Portal`"
    )
    (check,) = [c for c in found["checks"] if c["verdict"] == "fails"]
    assert check["remedy"] == "add `Acme Portal Users` to `portals.Acme Customer Portal.profiles`"
    line = line_of(work, "specs/acme/portal.yaml", "profiles: [Acme Portal User]")
    assert check["at"].startswith(f"specs/acme/portal.yaml:{line}:")

    drift = work.run("drift", *SERVED, "--format", "json", status=2).json
    assert [s["address"] for s in drift["steps"]] == ["user/jane"]
    work.run("apply", *SERVED, "--auto-approve", status=0)
    logged_in(work, status=0)

    # Both had the same clone, until somebody unticked it on the portal's page.
    portal = work.run("url", *SERVED, status=0).out.strip().rpartition("portalId=")[2]
    reader.take_off("Acme Portal User", portal)
    assert ERROR in logged_in(work, status=5).out
    assert explained(work)["causes"] == found["causes"]
    work.run("apply", *SERVED, "--auto-approve", status=0)
    logged_in(work, status=0)

    # The remedy that was named works too: the portal admits both.
    spec = work.folder / "specs/acme"
    both = (spec / "portal.yaml").read_text("utf-8")
    both = both.replace("[Acme Portal User]", "[Acme Portal User, Acme Portal Users]")
    (spec / "portal.yaml").write_text(both, "utf-8")
    people = (spec / "people.yaml").read_text("utf-8")
    people = people.replace("profile: Acme Portal User\n", "profile: Acme Portal Users\n")
    (spec / "people.yaml").write_text(people, "utf-8")
    work.run("apply", *SERVED, "--auto-approve", status=0)
    logged_in(work, status=0)
