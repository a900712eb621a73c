"""What Salesforce has and the local org does not serve is refused by name."""

import pytest

from .partner_client import SOAP, URL, fault

CODE = "FUNCTIONALITY_NOT_ENABLED"


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["Users", "Users/005000000000001AAA", "ServiceProviderConfigs"])
def test_scim_is_refused(rest, method, path):
    body = {} if method in {"POST", "PATCH"} else None
    error = rest.refusal(method, f"{URL}/services/scim/v2/{path}", body)
    assert error == (403, CODE, "The local org does not serve SCIM", None)


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        ("/sobjects/User/describe", "application/xml"),
        ("/query?q=SELECT Id FROM User", "text/xml, image/png"),
        ("/limits.xml", "*/*"),
        (f"{URL}/services/data", "application/xml"),
        (f"{URL}/services/data.xml", "*/*"),
    ],
)
def test_answers_in_xml_are_refused(rest, path, accept):
    error = rest.refusal("GET", path, headers={"Accept": accept})
    assert error == (403, CODE, "The local org does not serve REST in XML", None)


def test_records_in_xml_are_refused(rest):
    headers = {"Content-Type": "application/xml; charset=UTF-8"}
    data = b"<Account><Name>Acme</Name></Account>"
    error = rest.refusal("POST", "/sobjects/Account", data=data, headers=headers)
    assert error == (403, CODE, "The local org does not serve REST in XML", None)
    assert rest.rows("SELECT Id FROM Account") == []


@pytest.mark.parametrize("accept", ["application/xml, application/json", "*/*", "text/xml, */*"])
def test_a_client_that_accepts_json_too_gets_json(rest, accept):
    answer = rest.send("GET", "/limits", headers={"Accept": accept})
    assert answer.headers["Content-Type"].startswith("application/json")


def test_an_address_may_end_in_json(rest):
    for path in ("/sobjects/Account/describe", "/sobjects", f"{URL}/services/data"):
        answer = rest.send("GET", f"{path}.json", headers={"Accept": "application/xml"})
        assert answer.status_code == 200
        assert answer.text == rest.send("GET", path).text


@pytest.mark.parametrize("form", [{"response_type": "device_code"}, {"grant_type": "device"}])
def test_the_device_flow_is_refused(anonymous, local, form):
    data = {**form, "client_id": local.setting("consumer key"), "code": "x"}
    status, body = anonymous("POST", f"{URL}/services/oauth2/token", data=data)
    assert (status, body) == (
        400,
        {
            "error": "unsupported_grant_type",
            "error_description": "The local org does not serve the OAuth device flow",
        },
    )
    assert anonymous.send("GET", f"{URL}/setup/connect").status_code == 404


@pytest.mark.parametrize("space", ["enterprise", "partner"])
@pytest.mark.parametrize("path", ["62.0", "62.0/00D000000000001"])
@pytest.mark.parametrize(
    "operation", ["<login><username>x</username></login>", "<getUserInfo/>", "<create/>"]
)
def test_the_enterprise_soap_api_is_refused(anonymous, space, path, operation):
    answer = anonymous.session.post(
        f"{URL}/services/Soap/c/{path}",
        data=f'<e:Envelope xmlns:e="{SOAP}" xmlns="urn:{space}.soap.sforce.com">'
        f"<e:Body>{operation}</e:Body></e:Envelope>",
        headers={"Content-Type": "text/xml", "SOAPAction": '""'},
    )
    assert answer.status_code == 500
    assert fault(answer) == (
        f"sf:{CODE}",
        "UnexpectedErrorFault",
        CODE,
        "The local org does not serve the enterprise SOAP API",
    )
