"""The files of a spec together: merged into resources, and checked against one another."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.model.diagnostics import Diagnostic, Severity, Span
from provisioner.model.resource import Address
from provisioner.spec import declarations, schema
from provisioner.spec.document import parse, render

ROOT = Path(__file__).parents[3]


def specs(*texts):
    return declarations.specs(
        [parse(t, f"{name}.yaml") for name, t in zip("abc", texts, strict=False)]
    )


def problems(*texts):
    return [(d.code, str(d.span), d.message, d.help) for d in specs(*texts).problems]


# ---------------------------------------------------------------- merging


def test_sections_of_all_files_become_specs_in_address_order():
    found = specs(
        "users: {jane: {contact: jane, Username: j@x.io}}\nidentity: {Account: Key__c}",
        "contacts: {jane: {LastName: Doe, Email: j@x.io}}\nportals: {P: {active: true}}",
    )
    assert [str(s.address) for s in found.specs] == ["contact/jane", "portal/P", "user/jane"]
    assert found.identity == {"Account": "Key__c"}
    assert found.problems == ()
    user = found.specs[2]
    assert user.data == {"contact": "jane", "Username": "j@x.io"}
    assert user.span == Span("a.yaml", 1, 9, 1, 13)
    assert user.at("contact") == Span("a.yaml", 1, 25, 1, 29)
    assert user.at("missing") == user.span


def test_the_walk_through_has_no_problems():
    files = sorted((ROOT / "specs" / "acme").glob("*.yaml"))
    variables = {"domain": "acme.example", "suffix": "portal"}
    documents = [render(parse(f.read_text("utf-8"), f.name), variables, {}) for f in files]
    validator = schema.validator("spec.schema.json")
    assert [p for d in documents for p in schema.check(d, validator)] == []
    found = declarations.specs(documents)
    assert found.problems == ()
    assert {s.address for s in found.specs} == {
        Address("settings", "OrgSettings"),
        Address("portal", "Acme Customer Portal"),
        Address("profile", "Acme Portal User"),
        Address("layout", "Contact-Contact Layout"),
        Address("account", "acme"),
        Address("contact", "jane"),
        Address("user", "jane"),
    }


@pytest.mark.parametrize("name", ["local", "production"])
def test_the_environments_of_the_walk_through_have_no_problems(name):
    file = ROOT / "specs" / "acme" / "environments" / f"{name}.yaml"
    document = render(parse(file.read_text("utf-8"), file.name), {}, {})
    assert schema.check(document, schema.validator("environment.schema.json")) == ()


def test_the_same_key_in_two_files_names_both_places():
    assert specs("accounts: {a: {Name: A}}", "accounts:\n  a: {Name: B}").problems == (
        Diagnostic(
            "duplicate-key",
            "`a` is declared twice",
            Span("b.yaml", 2, 3, 2, 4),
            help="keep one of them, or give the other one another key",
            notes=("first declared at a.yaml:1:12",),
        ),
    )


def test_the_same_identity_in_two_files_is_a_problem():
    ((code, place, message, _),) = problems("identity: {User: X__c}", "identity: {User: Y__c}")
    assert (code, place, message) == ("duplicate-key", "b.yaml:1:12", "`User` is declared twice")


def test_a_user_follows_a_contact_of_the_spec():
    users = "users: {j: {Username: j@x.io, follow_contact: %s, contact: %s}}"
    jane = "contacts: {jane: {LastName: Doe, Email: j@x.io}}"
    assert problems(users % ("true", "jane"), jane) == []
    assert problems(users % ("false", "{find: {Email: j@x.io}}"), jane) == []
    ((code, place, _, _),) = problems(users % ("true", "{find: {Email: j@x.io}}"), jane)
    assert (code, place) == ("nothing-to-follow", "a.yaml:1:47")


def test_a_roster_has_the_identity_of_all_others():
    def roster(name, field):
        return f"rosters: {{{name}: {{file: c.csv, key: '{{{{ row.k }}}}', identity: {{User: {field}}}}}}}"

    assert problems("identity: {User: X__c}", roster("a", "X__c"), roster("b", "X__c")) == []
    ((code, _, message, _),) = problems(roster("a", "X__c"), roster("b", "Y__c"))
    assert code == "two-identities"
    assert message == "the identity of User is `Y__c` here, and `X__c` elsewhere"
    ((code, _, _, _),) = problems(roster("a", "X__c"), "identity: {User: Z__c}")
    assert code == "two-identities"


# ---------------------------------------------------------------- across resources

JANE = "contacts: {jane: {LastName: Doe, Email: j@x.io, account: acme}}\n"
ACME = "accounts: {acme: {Name: Acme Corporation}}\n"
SPELL = "keep the one that is spelled as Salesforce spells it"
SHARED = "people who share an address need an external id field, named under `identity:`"


@pytest.mark.parametrize(
    "text",
    [
        # A name that resembles no key is a name in the org.
        "contacts: {jane: {LastName: D, Email: j@x.io, account: Globex}}" + "\n" + ACME,
        "accounts: {a: {Name: A, owner: admin@x.io}}\nusers: {jane: {Username: jane@x.io}}",
        "users: {j: {Username: j@x.io, profile: System Administrator}}",
        # The same e-mail in two accounts is two people.
        ACME
        + "contacts: {a: {LastName: A, Email: i@x.io, account: acme},"
        + " b: {LastName: B, Email: i@x.io}}",
        # The same name is two accounts where a number tells them apart.
        "accounts: {a: {Name: A, AccountNumber: '1'}, b: {Name: A, AccountNumber: '2'}}",
        "identity: {Account: K__c}\naccounts: {a: {Name: A, K__c: '1'}, b: {Name: A, K__c: '2'}}",
        "identity: {Contact: K__c}\ncontacts: {a: {LastName: A, K__c: '1'}}",
        "portals: {New: {was: Old}}",
        "users: {j: {Username: j@x.io, contact: {find: {Email: j@x.io}}}}",
    ],
)
def test_valid_data_has_no_problems(text):
    assert problems(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # references to nothing
        (
            JANE + ACME + "users: {u: {Username: u@x.io, contact: jnae}}",
            (
                "unknown-reference",
                "a.yaml:3:40",
                "`contact/jnae` is not declared in any spec",
                "did you mean `jane`?",
            ),
        ),
        (
            "users: {u: {Username: u@x.io, contact: nobody}}",
            (
                "unknown-reference",
                "a.yaml:1:40",
                "`contact/nobody` is not declared in any spec",
                "declare it under `contacts`, or name it by {find: {...}}",
            ),
        ),
        (
            JANE.replace("acme", "acmee") + ACME,
            (
                "unknown-reference",
                "a.yaml:1:58",
                "`account/acmee` is not declared in any spec",
                "did you mean `acme`?",
            ),
        ),
        (
            JANE.replace("acme", "ACME") + ACME,
            (
                "unknown-reference",
                "a.yaml:1:58",
                "`account/ACME` is not declared in any spec",
                "did you mean `acme`?",
            ),
        ),
        (
            JANE.replace("acme", "Acme Corporation") + ACME,
            (
                "unknown-reference",
                "a.yaml:1:58",
                "`Acme Corporation` is declared in the spec as `account/acme`",
                "write `acme`",
            ),
        ),
        (
            "portals: {P: {profiles: [A, Acme Usr]}}\nprofiles: {Acme User: {}}",
            (
                "unknown-reference",
                "a.yaml:1:29",
                "`profile/Acme Usr` is not declared in any spec",
                "did you mean `Acme User`?",
            ),
        ),
        (
            JANE + "accounts: {acme: {Name: A, remove: true}}",
            (
                "removed-reference",
                "a.yaml:1:58",
                "`account/acme` is to be removed, but `contact/jane` uses it",
                None,
            ),
        ),
        # circles
        (
            "accounts: {a: {Name: A, parent: a}}",
            (
                "reference-cycle",
                "a.yaml:1:33",
                "`account/a` refers to itself",
                "remove the reference",
            ),
        ),
        (
            "accounts: {a: {Name: A, parent: b}, b: {Name: B, parent: c}, c: {Name: C, parent: b}}",
            (
                "reference-cycle",
                "a.yaml:1:58",
                "references form a cycle: account/b -> account/c -> account/b",
                "remove one of these references; it can be added once the others are applied",
            ),
        ),
        (
            JANE
            + "accounts: {acme: {Name: A, owner: j}}\n"
            + "users: {j: {Username: j@x.io, contact: jane}}",
            (
                "reference-cycle",
                "a.yaml:1:58",
                ("references form a cycle: contact/jane -> account/acme -> user/j -> contact/jane"),
                "remove one of these references; it can be added once the others are applied",
            ),
        ),
        # two that are one
        (
            "users: {a: {Username: j@x.io}, b: {Username: J@X.io}}",
            (
                "duplicate-record",
                "a.yaml:1:46",
                "`user/b` and `user/a` would be the same record, matched by `Username`",
                "declare it once",
            ),
        ),
        (
            "accounts: {a: {Name: A, AccountNumber: x1}, b: {Name: B, AccountNumber: X1}}",
            (
                "duplicate-record",
                "a.yaml:1:73",
                "`account/b` and `account/a` would be the same record, matched by `AccountNumber`",
                "declare it once",
            ),
        ),
        (
            "accounts: {a: {Name: Acme}, b: {Name: ACME}}",
            (
                "duplicate-record",
                "a.yaml:1:39",
                "`account/b` and `account/a` would be the same record, matched by `Name`",
                "declare it once",
            ),
        ),
        (
            ACME + "contacts: {a: {LastName: A, Email: i@x.io, account: acme},"
            " b: {LastName: B, Email: I@x.io, account: acme}}",
            (
                "duplicate-record",
                "a.yaml:2:84",
                "`contact/b` and `contact/a` would be the same record, matched by `Email`",
                SHARED,
            ),
        ),
        (
            ("identity: {Account: K__c}\naccounts: {a: {Name: A, K__c: x}, b: {Name: B, K__c: x}}"),
            (
                "duplicate-record",
                "a.yaml:2:54",
                "`account/b` and `account/a` would be the same record, matched by `K__c`",
                "declare it once",
            ),
        ),
        (
            "portals: {Acme: {}, ACME: {}}",
            (
                "duplicate-name",
                "a.yaml:1:21",
                "`ACME` and `Acme` are the same name for Salesforce",
                None,
            ),
        ),
        (
            "profiles: {New: {was: Old}, Old: {}}",
            (
                "former-name",
                "a.yaml:1:23",
                "`Old` is the name of `profile/Old`, so it cannot be a former name",
                None,
            ),
        ),
        (
            "portals: {A: {was: X}, B: {was: x}}",
            ("former-name", "a.yaml:1:33", "`portal/A` was `x` already", None),
        ),
        (
            JANE + ACME + "users: {a: {Username: a@x.io, contact: jane},"
            " b: {Username: b@x.io, contact: jane}}",
            (
                "two-users",
                "a.yaml:3:78",
                "`user/a` is already the user of contact `jane`",
                "a contact has one user at most",
            ),
        ),
        # one field twice
        (
            "layouts: {C-L: {fields: {Email: {}, email: null}}}",
            (
                "duplicate-field",
                "a.yaml:1:37",
                "`email` and `Email` are the same name for Salesforce",
                SPELL,
            ),
        ),
        (
            "accounts: {a: {Name: A, Region__c: x, region__c: y}}",
            (
                "duplicate-field",
                "a.yaml:1:39",
                "`region__c` and `Region__c` are the same name for Salesforce",
                SPELL,
            ),
        ),
        (
            "accounts: {a: {Name: A, OwnerId: x, owner: y}}",
            (
                "duplicate-field",
                "a.yaml:1:44",
                "`owner` and `OwnerId` set the same field",
                "keep `owner`",
            ),
        ),
        # no way to find it again
        (
            "contacts: {a: {LastName: A}}",
            (
                "no-identity",
                "a.yaml:1:12",
                "nothing says which record `contact/a` is",
                "give it `Email`, or an external id named in `identity`",
            ),
        ),
        (
            "accounts: {a: {Industry: Energy, remove: true}}",
            (
                "no-identity",
                "a.yaml:1:12",
                "nothing says which record `account/a` is",
                "give it `AccountNumber` or `Name`, or an external id named in `identity`",
            ),
        ),
    ],
)
def test_problems_between_resources_are_reported(text, expected):
    assert problems(text) == [expected]


def test_a_name_that_resembles_a_profile_may_be_another_profile():
    (problem,) = specs(
        "users: {a: {Username: a@x.io, profile: Acme Users}}\nprofiles: {Acme User: {}}"
    ).problems
    assert problem.severity is Severity.WARNING


def test_a_similar_name_is_an_error_that_explains_find():
    (problem,) = specs(JANE.replace("acme", "acmes") + ACME).problems
    assert problem.notes == ("a record of the org that is not declared is {find: {Name: acmes}}",)


def test_a_cycle_names_every_reference_in_it():
    (problem,) = specs("accounts: {a: {Name: A, parent: b}, b: {Name: B, parent: a}}").problems
    assert problem.notes == ("`account/b` names `account/a` at a.yaml:1:58",)


def test_a_long_chain_of_references_is_not_a_problem():
    rows = "".join(f"  a{i}: {{Name: N{i}, parent: a{i + 1}}}\n" for i in range(1200))
    assert problems(f"accounts:\n{rows}  a1200: {{Name: N}}\n") == []


def test_problems_are_sorted_by_file_and_place():
    found = problems(
        "users: {b: {Username: a@x.io, contact: x}}",
        "users: {a: {Username: a@x.io, contact: y}}\ncontacts: {c: {LastName: C}}",
    )
    assert [place for _, place, _, _ in found] == [
        "a.yaml:1:40",
        "b.yaml:1:23",
        "b.yaml:1:40",
        "b.yaml:2:12",
    ]
