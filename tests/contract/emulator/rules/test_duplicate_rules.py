"""Duplicate rules: how REST and SOAP say that a record looks like another, and how it is saved."""

import pytest

URL = "http://127.0.0.1:8787"
SAVE = {"Sforce-Duplicate-Rule-Header": "allowSave=true"}


@pytest.fixture
def rule(rest):
    def set_rule(*, allow, fields=("Email",), sobject="Contact"):
        rules = {sobject: {"fields": list(fields), "allowSave": allow}}
        assert rest("PUT", f"{URL}/emulator/duplicates", rules) == (200, rules)
        assert rest("GET", f"{URL}/emulator/duplicates") == (200, rules)

    return set_rule


def test_an_org_has_no_rule_until_one_is_set(rest):
    for _ in range(2):
        rest.create("Contact", LastName="Doe", Email="jane@acme.example")


def test_a_duplicate_is_refused_as_recorded(rest, rule):
    id_ = rest.create("Contact", LastName="Doe", Email="jane@acme.example")
    rule(allow=False)
    body = {"LastName": "Roe", "Email": "JANE@acme.example"}
    url = f"/services/data/v62.0/sobjects/Contact/{id_}"
    expected = [
        {
            "duplicateResut": {
                "allowSave": False,
                "duplicateRule": "Standard_Contact_Duplicate_Rule",
                "duplicateRuleEntityType": "Contact",
                "errorMessage": "Use one of these records?",
                "matchResults": [
                    {
                        "entityType": "Contact",
                        "errors": [],
                        "matchEngine": "ExactMatchEngine",
                        "matchRecords": [
                            {
                                "additionalInformation": [],
                                "fieldDiffs": [],
                                "matchConfidence": 100.0,
                                "record": {
                                    "attributes": {"type": "Contact", "url": url},
                                    "Id": id_,
                                },
                            }
                        ],
                        "rule": "Standard_Contact_Match_Rule_v1_0",
                        "size": 1,
                        "success": True,
                    }
                ],
            },
            "errorCode": "DUPLICATES_DETECTED",
            "message": "Use one of these records?",
        }
    ]
    for headers in ({}, SAVE):  # this rule lets nobody save
        assert rest("POST", "/sobjects/Contact", body, headers=headers) == (400, expected)


def test_a_rule_that_alerts_is_overridden_by_the_header(rest, rule):
    rest.create("Contact", LastName="Doe", Email="jane@acme.example")
    rule(allow=True)
    body = {"LastName": "Roe", "Email": "jane@acme.example"}
    assert rest.refusal("POST", "/sobjects/Contact", body)[1] == "DUPLICATES_DETECTED"
    assert rest("POST", "/sobjects/Contact", body, headers=SAVE)[0] == 201
    records = {"records": [{"attributes": {"type": "Contact"}, **body}]}
    _, (refused,) = rest("POST", "/composite/sobjects", records)
    assert refused["errors"][0]["statusCode"] == "DUPLICATES_DETECTED"
    _, (saved,) = rest("POST", "/composite/sobjects", records, headers=SAVE)
    assert saved["success"]


def test_a_change_is_checked_only_where_it_could_make_a_duplicate(rest, rule):
    rest.create("Contact", LastName="Doe", Email="jane@acme.example")
    other = rest.create("Contact", LastName="Roe", Email="rita@acme.example")
    rule(allow=False)
    path = f"/sobjects/Contact/{other}"
    assert rest("PATCH", path, {"LastName": "Poe"})[0] == 204
    assert rest("PATCH", path, {"Email": "rita@acme.example"})[0] == 204
    assert rest.refusal("PATCH", path, {"Email": "jane@acme.example"})[1] == "DUPLICATES_DETECTED"
    assert rest("PATCH", path, {"Email": None})[0] == 204


@pytest.mark.parametrize(
    "wrong",
    [[], {"Nothing": {"fields": ["Name"], "allowSave": True}}, {"Contact": {"fields": ["X"],
     "allowSave": True}}, {"Contact": {"fields": [], "allowSave": True}},
     {"Contact": {"fields": ["Email"]}}, {"Contact": {"fields": ["Email"], "allowSave": 1}}],
)  # fmt: skip
def test_an_impossible_rule_is_refused(rest, wrong):
    assert rest("PUT", f"{URL}/emulator/duplicates", wrong)[0] == 400
