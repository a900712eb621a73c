"""What a schema refuses is said in the user's words, at the smallest place that shows it."""

from __future__ import annotations

import pytest

from provisioner.model.diagnostics import Diagnostic, Span
from provisioner.model.masking import Masked
from provisioner.spec import schema
from provisioner.spec.document import parse, render

SPEC = schema.validator("spec.schema.json")
ENVIRONMENT = schema.validator("environment.schema.json")
SECTIONS = tuple(schema.schemas()["spec.schema.json"]["properties"])


def check(text, validator=SPEC, **variables):
    document = render(parse(text, "f.yaml"), variables, {})
    return schema.check(document, validator)


def problems(text, validator=SPEC):
    return [
        (str(d.span).removeprefix("f.yaml:"), d.message, d.help) for d in check(text, validator)
    ]


ENTRIES = "write each item under a key of its own, as `KEY: {...}`"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "accounts:\n",
        "accounts: {}\nusers:\n",
        "accounts: {a: {Name: A, Region__c: x, ns__X__c: {find: {Name: y}}, Phone: null}}",
        "accounts: {a: {AccountNumber: '1', remove: true}}",
        "contacts: {a: {LastName: A, account: {find: {AccountNumber: '1'}}, reports_to: null}}",
        "users: {a: {Username: a@b.io, UserPreferencesX: true, on_create: {password: email}}}",
        "users: {a: {Username: a@b.io, on_create: {password: {env: P}}, PortalRole: null}}",
        "layouts: {Contact-Contact Layout: {fields: {Email: null, X__c: {column: 2}}}}",
        "profiles: {P: {objectPermissions: {Case: []}, layoutAssignments: {Case.A: Case-L}}}",
        "portals: {P: {type: CustomerSuccess, description: null, profiles: []}}",
        "identity: {Account: External_Id__c}",
    ],
)
def test_valid_data_has_no_problems(text):
    assert check(text) == ()


COULD_BE = "a key of the spec, a name in the org, or {find: {Field: value}}"
E_MAIL = "an email address, such as jane@acme.example"
LAYOUT = "is not the full name of a layout, such as `Contact-Contact Layout`"
QUOTED = "write `true`, without quotes"
UNQUOTED = "write `false`, without quotes"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # names
        (
            "webs: {}",
            (
                "1:1",
                "`webs` is not a section of a spec",
                "known: " + ", ".join(f"`{s}`" for s in SECTIONS),
            ),
        ),
        (
            "contacts: {a: {LastName: A, Emial: x}}",
            ("1:29", "`Emial` is not a field of Contact", "did you mean `Email`?"),
        ),
        (
            "contacts: {a: {LastName: A, email: x}}",
            ("1:29", "`email` is not a field of Contact", "did you mean `Email`?"),
        ),
        (
            "accounts: {a: {Name: A, Whatever: x}}",
            ("1:25", "`Whatever` is not a field of Account", "a custom field ends in `__c`"),
        ),
        (
            "settings: {OrgSettings: {enableCustomerSuccesPortal: true}}",
            (
                "1:26",
                "`enableCustomerSuccesPortal` is not a member of OrgSettings",
                "did you mean `enableCustomerSuccessPortal`?",
            ),
        ),
        ("layouts: {Contact: {}}", ("1:11", f"`Contact` {LAYOUT}", None)),
        (
            "accounts: {' a': {Name: A}}",
            (
                "1:12",
                "` a` is not a key: it must not be empty, or begin or end with a space",
                None,
            ),
        ),
        (
            "profiles: {P: {fieldPermissions: {Email: [read]}}}",
            ("1:35", "`Email` is not the full name of a field, such as `Contact.Email`", None),
        ),
        (
            "contacts:\n  jane:\n    Email: j@x.io\n",
            (
                "2:3",
                "`jane` has no `LastName`",
                "Salesforce requires it for every contact; only `remove: true` works without it",
            ),
        ),
        # types
        ("accounts: []", ("1:11", "`accounts` must be a mapping, not a list", ENTRIES)),
        (
            "portals: {P: {active: NO}}",
            ("1:23", "`active` must be true or false, not text", UNQUOTED),
        ),
        (
            "portals: {P: {active: 'yes'}}",
            ("1:23", "`active` must be true or false, not text", QUOTED),
        ),
        (
            "portals: {P: {active: 1}}",
            ("1:23", "`active` must be true or false, not a number", QUOTED),
        ),
        (
            "portals: {P: {active: }}",
            (
                "1:15",
                "`active` must be true or false, not null",
                "give it a value, or remove it",
            ),
        ),
        (
            "accounts: {a: {Name: A, AccountNumber: 0012}}",
            ("1:40", "`AccountNumber` must be text, not a number", 'write "0012", with quotes'),
        ),
        (
            "accounts: {a: {Name: A, AnnualRevenue: '12.5'}}",
            ("1:40", "`AnnualRevenue` must be a number, not text", "write 12.5, without quotes"),
        ),
        (
            "accounts: {a: {Name: A, NumberOfEmployees: 1.5}}",
            ("1:44", "`NumberOfEmployees` must be a whole number, not `1.5`", None),
        ),
        (
            "portals: {P: {profiles: Acme}}",
            ("1:25", "`profiles` must be a list, not text", "write [Acme]"),
        ),
        (
            "portals: {P: {profiles: [1]}}",
            ("1:26", "item 1 of `profiles` must be text, not a number", 'write "1", with quotes'),
        ),
        (
            "accounts:\n  a:\n    Name: A\n    owner:\n      - x\n",
            ("4:5", f"`owner` must be {COULD_BE}, not a list", None),
        ),
        # values
        (
            "portals: {P: {type: customersuccess}}",
            (
                "1:21",
                "`type` must be `CustomerSuccess`, `Partner` or `Network`, not `customersuccess`",
                "did you mean `CustomerSuccess`?",
            ),
        ),
        (
            "portals: {P: {profiles: [A, B, A]}}",
            ("1:32", "`A` is listed twice in `profiles`", None),
        ),
        (
            "layouts: {C-L: {fields: {Email: {column: 3}}}}",
            ("1:42", "`column` must be 1 or 2, not `3`", None),
        ),
        (
            "contacts: {a: {LastName: A, Email: nope}}",
            (
                "1:36",
                f"`Email` must be {E_MAIL}, not `nope`",
                None,
            ),
        ),
        (
            "users: {a: {Username: jane}}",
            (
                "1:23",
                f"`Username` must be in the form of {E_MAIL}, not `jane`",
                None,
            ),
        ),
        (
            "users: {a: {Username: a@b.io, Alias: far too long}}",
            ("1:38", "`Alias` has 12 characters, and Salesforce keeps at most 8", "shorten it"),
        ),
        ("contacts: {a: {LastName: ''}}", ("1:26", "`LastName` must not be empty", None)),
        (
            "accounts: {a: {Name: A, owner: {find: {}}}}",
            ("1:39", "`find` must not be empty", None),
        ),
        (
            "accounts: {a: {Name: A, remove: false}}",
            ("1:33", "`remove` must be `true`, not false", "remove it to keep the resource"),
        ),
        # refusals
        (
            "users: {a: {Username: a@b.io, IsPortalEnabled: false}}",
            (
                "1:31",
                "`IsPortalEnabled` cannot be managed: disabling a portal user is permanent",
                "set `IsActive: false` to deactivate the user",
            ),
        ),
        (
            "contacts: {a: {LastName: A, Id: '003'}}",
            (
                "1:29",
                "`Id` cannot be managed: the org assigns it; the spec uses its key instead",
                "remove it",
            ),
        ),
        # alternatives
        (
            "users: {a: {Username: a@b.io, on_create: {password: {env: A, file: b}}}}",
            ("1:53", "`password` must have exactly one of `env` or `file`", None),
        ),
        (
            "users: {a: {Username: a@b.io, on_create: {password: {evn: A}}}}",
            ("1:54", "`evn` is not a place for a secret", "did you mean `env`?"),
        ),
    ],
)
def test_each_violation_has_one_message(text, expected):
    assert problems(text) == [expected]


SECRET = (
    "never write a secret into the repository: "
    "name the environment variable or the file that contains it"
)


def test_a_password_in_the_file_is_an_error_and_is_not_shown():
    (problem,) = check("users: {a: {Username: a@b.io, on_create: {password: hunter2}}}")
    assert problem == Diagnostic(
        "wrong-value",
        "`password` must be `email`, {env: NAME} or {file: PATH}, not text",
        Span("f.yaml", 1, 53, 1, 60),
        help=SECRET,
        secret=True,
    )


def test_every_violation_is_reported_in_the_order_of_the_file():
    text = (
        "accounts:\n  a: {Phone: 1, Foo: 2}\nsites: {}\ncontacts:\n  b: {Email: x, LastName: ''}\n"
    )
    assert [place for place, _, _ in problems(text)] == [
        "2:3",
        "2:14",
        "2:17",
        "3:1",
        "5:14",
        "5:27",
    ]


def test_a_note_shows_the_value_of_the_template():
    (problem,) = check('contacts: {a: {LastName: A, Email: "{{ vars.mail }}"}}', mail="not a mail")
    assert problem.notes == ("the template gives `not a mail`",)
    assert str(problem.span) == "f.yaml:1:36"


def test_a_repeated_item_names_the_first():
    (problem,) = check("portals: {P: {profiles: [A, B, A]}}")
    assert problem.notes == ("first listed at f.yaml:1:26",)


@pytest.mark.parametrize(
    "text",
    [
        "org: {login: local}",
        "org: {login: access_token, instance_url: https://a.my.salesforce.com, token: {env: T}}",
        "org: {login: jwt, consumer_key: k, username: u@x.io, private_key: {file: key.pem}}",
        "org: {login: sf_cli, target_org: acme}\nvars:\npolicy: {max_changes: 0}",
        "org: {login: access_token, instance_url: 'http://127.0.0.1:8080/', token: {env: T}}",
    ],
)
def test_valid_environments_have_no_problems(text):
    assert check(text, ENVIRONMENT) == ()


LOGINS = "`local`, `access_token`, `jwt`, `client_credentials`, `password`"
JWT = "org: {login: jwt, consumer_key: k, username: u@x.io, private_key: {env: K}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("1:1", "the file must be a mapping, not null", "give it a value, or remove it")),
        ("vars: {}", ("1:1", "the file has no `org`", "add `org`")),
        (
            "org: {login: sfcli}",
            (
                "1:14",
                f"`login` must be {LOGINS} or `sf_cli`, not `sfcli`",
                "did you mean `sf_cli`?",
            ),
        ),
        ("org: {login: sf_cli}", ("1:1", "`org` has no `target_org`", "add `target_org`")),
        (
            JWT + ", token: {env: T}}",
            (
                "1:77",
                "`token` is not a field of the login `jwt`",
                (
                    "known: `login`, `id`, `consumer_key`, `username`, `private_key`, `login_url`,"
                    " `audience`"
                ),
            ),
        ),
        (
            "org: {login: access_token, instance_url: https://a.b, token: abc}",
            ("1:62", "`token` must be {env: NAME} or {file: PATH}, not text", SECRET),
        ),
        (
            JWT + ", login_url: 'http://acme.my.salesforce.com'}",
            (
                "1:88",
                (
                    "`login_url` must be an address such as https://acme.my.salesforce.com"
                    " (https is required, except for this machine), not `http://acme.my.salesforce.com`"
                ),
                None,
            ),
        ),
        (
            "org: {login: local}\nvars: {a-b: 1}",
            (
                "2:8",
                "`a-b` is not a name that a template can use: letters, digits and `_`",
                None,
            ),
        ),
        (
            "org: {login: local}\npolicy: {max_mails: 1}",
            ("2:10", "`max_mails` is not a part of a policy", "did you mean `max_emails`?"),
        ),
        (
            "org: {login: local}\npolicy: {max_changes_percent: 101}",
            ("2:31", "`max_changes_percent` must be a whole number from 0 to 100, not `101`", None),
        ),
    ],
)
def test_what_is_wrong_with_an_environment(text, expected):
    assert problems(text, ENVIRONMENT) == [expected]


# ---------------------------------------------------------------- the fast check

VALUES = [
    *[None, True, False, 0, 7, -1, 1.5, "", " ", "a", "A", "true", "7", "NO", "{{ x }}"],
    *["jane@acme.example", "jane acme", "2024-01-31", "001000000000001", "001000000000001AAA"],
    *["x" * n for n in (8, 9, 40, 41, 80, 81, 255, 256, 1300, 40_000)],
    *["P", "D", "Worker", "en_US", "UTF-8", "Europe/Berlin"],
    *[[], ["a"], ["a", "a"], {}, {"find": {"Name": "A"}}, {"find": {"Name": None}}],
]


@pytest.mark.parametrize("kind", ["account", "contact", "user"])
def test_the_fast_check_agrees_with_jsonschema(kind):
    validator = schema.validator(f"{kind}.schema.json")
    names = [*schema.schemas()[f"{kind}.schema.json"]["properties"], "Own__c", "Nonsense"]
    every = [{"remove": True, name: value} for name in names for value in VALUES]
    disagree = [
        data for data in every if validator.is_valid(data) == bool(validator.violations(data))
    ]
    assert disagree == []
    assert 100 < sum(map(validator.is_valid, every)) < len(every) - 100


def test_the_fast_check_reads_a_masked_value_as_text():
    validator = schema.validator("contact.schema.json")
    assert validator.is_valid({"LastName": Masked("Doe"), "Own__c": {"find": {"A": Masked("1")}}})
    assert not validator.is_valid({"LastName": Masked("Doe"), "CanAllowPortalSelfReg": Masked("1")})
