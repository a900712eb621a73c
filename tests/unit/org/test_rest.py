"""Records: how reads are bundled, what answers become, what writes send."""

from __future__ import annotations

import io
import json
from urllib.parse import unquote

import pytest
import requests
from requests.adapters import BaseAdapter

from provisioner.model.operations import (
    CreateRecord,
    DeleteRecord,
    Describe,
    ResetPassword,
    Select,
    SetPassword,
    UpdateRecord,
)
from provisioner.model.resource import Lookup, Secret
from provisioner.org.client import SalesforceOrg
from provisioner.org.errors import AuthenticationFailed, Conflict, NoAnswer, Refused

DATA = "/services/data/v62.0"
NOT_FOUND = [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]
LOCKED = [{"errorCode": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain exclusive access"}]


def page(*records, more=None):
    rows = [{"attributes": {"type": "X", "url": "/x"}, **record} for record in records]
    body = {"totalSize": len(rows), "done": more is None, "records": rows}
    return body if more is None else {**body, "nextRecordsUrl": more}


def composed(*parts):
    """A composite answer, in the form recorded from real orgs."""
    return 200, {
        "compositeResponse": [
            {"body": b, "httpHeaders": {}, "httpStatusCode": status, "referenceId": f"part{n}"}
            for n, (status, b) in enumerate(parts)
        ]
    }


# ---------------------------------------------------------------- reads


def test_a_lone_query_is_one_get(org, script):
    script.answers = [(200, page({"Id": "001B", "Name": "B"}, {"Id": "001A", "Name": "A"}))]
    assert org.read(Select("Account", ("Name",))) == [{"Name": "A"}, {"Name": "B"}]
    assert script.sent == [("GET", f"{DATA}/query?q=SELECT%20Id%2C%20Name%20FROM%20Account")]
    assert script.requests[0].headers["Authorization"] == "Bearer 00Dtoken"
    assert org.api_calls == org.requests_sent == 1


def test_independent_reads_share_one_call(org, script):
    script.answers = [
        composed(
            (200, {"name": "User", "fields": []}),
            (200, page({"Id": "001A"})),
            (404, NOT_FOUND),
            (200, page()),
        )
    ]
    answers = org.read_all(
        [Describe("User"), Select("Account", ("Id",)), Describe("Nope"), Select("User", ("Id",))]
    )
    assert list(answers.values()) == [
        {"name": "User", "fields": []},
        [{"Id": "001A"}],
        None,
        [],
    ]
    assert script.sent == [("POST", f"{DATA}/composite")]
    assert [part["url"] for part in script.body()["compositeRequest"]] == [
        f"{DATA}/sobjects/User/describe",
        f"{DATA}/query?q=SELECT%20Id%20FROM%20Account",
        f"{DATA}/sobjects/Nope/describe",
        f"{DATA}/query?q=SELECT%20Id%20FROM%20User",
    ]
    assert org.api_calls == 1


def test_a_composite_call_holds_five_queries_and_twentyfive_parts(org, script):
    queries = [Select(f"Q{n}", ("Id",)) for n in range(7)]
    describes = [Describe(f"D{n}") for n in range(20)]
    script.answers = [
        composed(*[(200, page())] * 5, *[(200, {"fields": []})] * 20),
        composed(*[(200, page())] * 2),
    ]
    assert list(org.read_all([*queries, *describes]).values()) == [[]] * 7 + [{"fields": []}] * 20
    sizes = [len(script.body(n)["compositeRequest"]) for n in (0, 1)]
    assert sizes == [25, 2]


def test_a_question_asked_twice_is_sent_once(org, script):
    script.answers = [(200, page({"Id": "001A"}))]
    query = Select("Account", ("Id",))
    assert org.read_all([query, query]) == {query: [{"Id": "001A"}]}
    assert len(script.sent) == 1


def test_a_long_query_goes_in_a_body_where_no_uri_bounds_it(org, script):
    names = tuple(f"Account number {n}" for n in range(1_000))
    script.answers = [composed((200, page()))]
    org.read(Select("Account", ("Id",), (("Name", names),)))
    (part,) = script.body()["compositeRequest"]
    assert len(part["url"]) > 16_384
    assert "'Account number 999'" in unquote(part["url"])


def test_a_value_is_never_taken_for_a_reference(org, script):
    script.answers = [composed((200, page()), (200, page()))]
    org.read_all(
        [Select("Account", ("Id",), (("Name", ("@{part1.id}&a+b%",)),)), Select("User", ("Id",))]
    )
    url = script.body()["compositeRequest"][0]["url"]
    assert "@{" not in url
    assert unquote(url).endswith("WHERE Name IN ('@{part1.id}&a+b%')")


def test_a_select_too_long_for_one_query_is_put_together_again(org, script):
    emails = tuple(f"person.{n}@acme.example" for n in range(9_000))
    both = {"Id": "003B", "Email": "b"}
    script.answers = [
        (200, {"sObjects": [{"name": "Contact", "count": 2_000_000}]}),
        composed(
            (200, page({"Id": "003C", "Email": "c"}, both)),
            (200, page(both)),
            (200, page({"Id": "003A", "Email": "a"})),
        ),
    ]
    answers = org.read(Select("Contact", ("Email",), (("Email", emails), ("Name", ("A",)))))
    assert answers == [{"Email": "a"}, {"Email": "b"}, {"Email": "c"}]


def test_all_pages_are_read(org, script):
    script.answers = [
        composed(
            (200, page({"Id": "001A"}, more=f"{DATA}/query/01gX-2000")),
            (200, page({"Id": "005A"})),
        ),
        (200, page({"Id": "001B"}, more=f"{DATA}/query/01gX-4000")),
        (200, page({"Id": "001C"})),
    ]
    answers = list(org.read_all([Select("Account", ("Id",)), Select("User", ("Id",))]).values())
    assert answers == [[{"Id": "001A"}, {"Id": "001B"}, {"Id": "001C"}], [{"Id": "005A"}]]
    assert script.sent[1:] == [
        ("GET", f"{DATA}/query/01gX-2000"),
        ("GET", f"{DATA}/query/01gX-4000"),
    ]
    assert org.api_calls == 3


def test_a_parents_field_stands_flat_under_the_name_it_was_asked_by(org, script):
    script.answers = [
        (
            200,
            page(
                {"Id": "001A", "Owner": {"attributes": {}, "UserRoleId": "00E1"}, "Parent": None},
                {"Id": "001B", "Owner": None, "Parent": {"Owner": {"Name": "Ann"}}},
            ),
        )
    ]
    fields = ("Id", "owner.UserRoleId", "Parent.Owner.Name")
    assert org.read(Select("Account", fields)) == [
        {"Id": "001A", "owner.UserRoleId": "00E1", "Parent.Owner.Name": None},
        {"Id": "001B", "owner.UserRoleId": None, "Parent.Owner.Name": "Ann"},
    ]


def test_an_unknown_field_is_refused_by_name(org, script):
    message = "\nSELECT Id, Foo FROM User\n ^\nERROR at Row:1:Column:12\nNo such column 'Foo'"
    script.answers = [
        composed((200, page()), (400, [{"errorCode": "INVALID_FIELD", "message": message}]))
    ]
    with pytest.raises(Refused) as caught:
        org.read_all([Select("Account", ("Id",)), Select("User", ("Foo",))])
    assert (caught.value.code, caught.value.message) == ("INVALID_FIELD", "No such column 'Foo'")


def test_a_lone_describe_of_nothing_is_none(org, script):
    script.answers = [(404, NOT_FOUND)]
    assert org.read(Describe("Nope__c")) is None


def test_nothing_asked_is_nothing_sent(org, script):
    assert org.read_all([]) == {}
    assert org.read(Select("User", ("Id",), (("Username", ()),))) == []
    assert script.sent == []


def test_find_gives_every_id(org, script):
    script.answers = [(200, page({"Id": "00e2"}, {"Id": "00e1"}))]
    assert org.find(Lookup("Profile", (("Name", "Twice"),))) == ["00e1", "00e2"]


# ---------------------------------------------------------------- retries


def test_a_read_is_tried_again_while_the_failure_may_pass(org, script):
    script.answers = [
        requests.ConnectionError("Connection aborted."),
        (503, "<html>down for maintenance</html>"),
        (400, LOCKED),
        (200, page({"Id": "001A"})),
    ]
    assert org.read(Select("Account", ("Id",))) == [{"Id": "001A"}]
    assert len(script.waits) == 3
    assert all(
        low <= wait <= 2 * low for low, wait in zip((0.25, 0.5, 1), script.waits, strict=True)
    )
    assert org.api_calls == 4


def test_a_part_that_failed_in_passing_has_its_call_repeated(org, script):
    busy = (503, [{"errorCode": "SERVER_UNAVAILABLE", "message": "Server Unavailable"}])
    script.answers = [
        composed((200, page()), busy),
        composed((200, page()), (200, page({"Id": "005A"}))),
    ]
    answers = list(org.read_all([Select("Account", ("Id",)), Select("User", ("Id",))]).values())
    assert answers == [[], [{"Id": "005A"}]]


def test_a_read_gives_up_after_three_more_tries(org, script):
    script.answers = [requests.ConnectionError("Connection aborted.")] * 4
    with pytest.raises(NoAnswer):
        org.read(Describe("User"))
    assert len(script.requests) == 4


def test_a_refused_read_is_not_repeated(org, script):
    script.answers = [(400, [{"errorCode": "MALFORMED_QUERY", "message": "unexpected token"}])]
    with pytest.raises(Refused):
        org.read(Select("User", ("Id",)))
    assert script.waits == []


@pytest.mark.parametrize(
    ("failure", "kind"),
    [(requests.ConnectionError("Connection aborted."), NoAnswer), ((400, LOCKED), Conflict)],
)
def test_a_write_is_never_repeated(org, script, failure, kind):
    script.answers = [failure]
    with pytest.raises(kind):
        org.call(DeleteRecord("Account", "001000000000001AAA"))
    assert len(script.requests) == 1


# ---------------------------------------------------------------- writes


def test_create_returns_the_new_id(org, script):
    script.answers = [(201, {"id": "003000000000001AAA", "success": True, "errors": []})]
    fields = {
        "LastName": "Doe",
        "Phone": None,
        "Colors__c": ("red", "blue"),
        "Pin__c": Secret("1234"),
        "Vip__c": True,
    }
    assert org.call(CreateRecord("Contact", fields)) == "003000000000001AAA"
    assert script.sent == [("POST", f"{DATA}/sobjects/Contact")]
    assert script.body() == {
        "LastName": "Doe",
        "Phone": None,
        "Colors__c": "red;blue",
        "Pin__c": "1234",
        "Vip__c": True,
    }


def test_update_and_delete_address_the_record(org, script):
    script.answers = [(204, None), (204, None)]
    assert org.call(UpdateRecord("User", "005000000000001AAA", {"IsActive": False})) is None
    assert org.call(DeleteRecord("Contact", "003000000000001AAA")) is None
    assert script.sent == [
        ("PATCH", f"{DATA}/sobjects/User/005000000000001AAA"),
        ("DELETE", f"{DATA}/sobjects/Contact/003000000000001AAA"),
    ]
    assert script.body(0) == {"IsActive": False}


def test_a_refused_write_names_code_message_and_fields(org, script):
    script.answers = [
        (
            400,
            [
                {
                    "message": "Duplicate Username.<br>The username already exists.",
                    "errorCode": "DUPLICATE_USERNAME",
                    "fields": ["Username"],
                }
            ],
        )
    ]
    with pytest.raises(Refused) as caught:
        org.call(CreateRecord("User", {"Username": "jane@acme.example"}))
    error = caught.value
    assert (error.code, error.message, error.fields) == (
        "DUPLICATE_USERNAME",
        "Duplicate Username. The username already exists.",
        ("Username",),
    )


def test_several_errors_of_one_answer_are_told_together(org, script):
    script.answers = [
        (
            400,
            [
                {"message": "a", "errorCode": "INVALID_EMAIL_ADDRESS", "fields": ["Email"]},
                {"message": "b", "errorCode": "STRING_TOO_LONG", "fields": ["Name"]},
            ],
        )
    ]
    with pytest.raises(Refused) as caught:
        org.call(CreateRecord("Contact", {}))
    error = caught.value
    told = (error.code, error.message, error.fields)
    assert told == ("INVALID_EMAIL_ADDRESS", "a; b", ("Email", "Name"))


def test_what_is_no_id_is_not_sent_as_one(org, script):
    with pytest.raises(Refused, match="MALFORMED_ID"):
        org.call(UpdateRecord("User", "005/../Account", {}))
    assert script.sent == []


def test_an_expired_session_is_a_failed_login(org, script):
    body = [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
    script.answers = [(401, body)]
    with pytest.raises(AuthenticationFailed, match="Session expired"):
        org.call(UpdateRecord("User", "005000000000001AAA", {}))


@pytest.mark.parametrize("status", [400, 406, 420, 503])
def test_a_web_page_in_answer_to_a_write_leaves_its_outcome_open(org, script, status):
    script.answers = [(status, "<html><body>Down for maintenance</body></html>")]
    with pytest.raises(NoAnswer, match=rf"web page or nothing \({status}\)") as caught:
        org.call(CreateRecord("Account", {"Name": "Acme"}))
    assert "maintenance" in (caught.value.remedy or "")


@pytest.mark.parametrize("body", ["<html>login</html>", ""])
def test_a_web_page_with_status_200_is_no_answer(org, script, body):
    script.answers = [(200, body)] * 4
    with pytest.raises(NoAnswer):
        org.read(Describe("User"))


# ---------------------------------------------------------------- passwords


def test_a_password_is_set_and_stays_secret(org, script):
    script.answers = [
        (204, None),
        (
            400,
            {
                "message": "Your password must have a mix of letters and numbers.",
                "errorCode": "INVALID_NEW_PASSWORD",
            },
        ),
    ]
    call = SetPassword("005000000000001AAA", Secret("hunter2hunter2"))
    assert org.call(call) is None
    assert script.sent == [("POST", f"{DATA}/sobjects/User/005000000000001AAA/password")]
    assert script.body() == {"NewPassword": "hunter2hunter2"}
    with pytest.raises(Refused, match="INVALID_NEW_PASSWORD") as caught:
        org.call(call)
    assert "hunter2" not in repr(caught.value) + str(caught.value.__cause__)


def test_the_temporary_password_of_a_reset_is_not_kept(org, script):
    script.answers = [(200, json.dumps({"NewPassword": "2sv0xHAuM"}))]
    assert org.call(ResetPassword("005000000000001AAA")) is None
    assert script.sent == [("DELETE", f"{DATA}/sobjects/User/005000000000001AAA/password")]


@pytest.mark.parametrize("answer", ["not JSON at all: 2sv0xHAuM", "", "[]", '{"x": "2sv0xHAuM"}'])
def test_whether_a_password_was_reset_is_not_known_after_any_other_answer(org, script, answer):
    script.answers = [(200, answer)]
    with pytest.raises(NoAnswer) as caught:
        org.call(ResetPassword("005000000000001AAA"))
    assert "2sv0xHAuM" not in str(caught.value) + repr(caught.value.__cause__)


def test_the_token_is_in_no_text_of_the_org(org, script):
    script.answers = [requests.ConnectionError("Connection aborted.")]
    with pytest.raises(NoAnswer) as caught:
        org.call(CreateRecord("Account", {}))
    assert "00Dtoken" not in repr(org) + repr(caught.value) + repr(vars(org))


# ---------------------------------------------------------------- pages ahead


class Cursor(BaseAdapter):
    """An org with one query result, cut into pages at these places; it knows no other cuts."""

    def __init__(self, cuts, total):
        super().__init__()
        self.cuts, self.total, self.asked = [0, *cuts], total, []

    def send(self, request, **kwargs):
        path = request.url.removeprefix("https://acme.my.salesforce.com")
        self.asked.append(path)
        start = int(path.rpartition("-")[2]) if "/query/01g" in path else 0
        reply = requests.Response()
        reply.request, reply.url = request, request.url
        if "recordCount" in path:
            body = {"sObjects": [{"name": "Contact", "count": self.total}]}
        elif start not in self.cuts:
            body = [{"errorCode": "INVALID_QUERY_LOCATOR", "message": "no such page"}]
        else:
            end = next((cut for cut in self.cuts if cut > start), self.total)
            records = [{"Id": f"{n:05}", "Email": f"p{n}@x.io"} for n in range(start, end)]
            body = {"totalSize": self.total, "done": end == self.total, "records": records}
            if end < self.total:
                body["nextRecordsUrl"] = f"{DATA}/query/01gA-{end}"
        reply.status_code = 400 if isinstance(body, list) else 200
        reply.raw = io.BytesIO(json.dumps(body).encode())
        return reply

    def close(self):
        pass


@pytest.mark.parametrize(
    ("cuts", "total", "calls"),
    [
        ([2000, 4000, 6000], 7000, 4),
        ([2000], 4000, 2),
        ([], 10, 1),
        # Cut shorter than the first page foretold: what was asked for in vain is asked again.
        ([2000, 3000, 4000, 5000, 6000], 7000, None),
        ([2000, 3500], 4000, None),
    ],
)
def test_pages_are_read_ahead_wherever_they_are_cut(cuts, total, calls):
    cursor, session = Cursor(cuts, total), requests.Session()
    session.mount("https://acme.my.salesforce.com", cursor)
    org = SalesforceOrg("https://acme.my.salesforce.com", Secret("00Dtoken"), session=session)
    emails = tuple(f"p{n}@x.io" for n in range(max(total, 6000)))
    rows = org.read(Select("Contact", ("Id",), (("Email", emails),)))
    assert [row["Id"] for row in rows] == [f"{n:05}" for n in range(total)]
    if calls:
        assert len(cursor.asked) == 1 + calls
