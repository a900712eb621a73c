"""Methods that a resource does not take, `OPTIONS` among them."""

import pytest

ACCOUNT = "/sobjects/Account/001000000000000AAA"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/sobjects/Account", "HEAD,GET,POST"),
        ("PUT", ACCOUNT, "HEAD,GET,PATCH,DELETE"),
        ("OPTIONS", ACCOUNT, "HEAD,GET,PATCH,DELETE"),
        ("OPTIONS", "/query", "HEAD,GET"),
        ("OPTIONS", "/composite/sobjects/Account/Id", "PATCH"),
        ("OPTIONS", "/jobs/ingest", "GET,POST"),
        ("OPTIONS", "http://127.0.0.1:8787/services/data", "HEAD,GET"),
        ("OPTIONS", "http://127.0.0.1:8787/services/oauth2/userinfo", "HEAD,GET,POST"),
    ],
)
def test_a_resource_names_the_methods_that_it_takes(rest, method, path, allowed):
    answer = rest.send(method, path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
    message = f"HTTP Method '{method}' not allowed. Allowed are {allowed}"
    assert answer.json() == [{"message": message, "errorCode": "METHOD_NOT_ALLOWED"}]


def test_a_call_inside_of_another_names_them_too(rest):
    url = "/services/data/v62.0/sobjects/Account"
    inner = {"method": "PUT", "url": url, "referenceId": "a"}
    status, body = rest("POST", "/composite", {"compositeRequest": [inner]})
    (one,) = body["compositeResponse"]
    assert (status, one["httpStatusCode"]) == (200, 405)
    assert one["httpHeaders"] == {"Allow": "HEAD,GET,POST"}


@pytest.mark.parametrize("path", ["/limits", "http://127.0.0.1:8787/services/async/62.0/job"])
def test_no_page_of_another_origin_may_call(anonymous, path):
    asked = {"Origin": "https://acme.example", "Access-Control-Request-Method": "GET"}
    answer = anonymous.send("OPTIONS", path, headers=asked)
    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("kind", ["u", "m"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_soap_is_posted(anonymous, kind, method):
    answer = anonymous.send(method, f"http://127.0.0.1:8787/services/Soap/{kind}/62.0")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert ("<title>Error 405 Only POST allowed</title>" in answer.text) == (method != "HEAD")


@pytest.mark.parametrize(
    ("method", "path", "reason"),
    [
        ("GET", "/limits", "OK"),
        ("GET", "/nonsense", "Not Found"),
        ("PUT", "/limits", "Method Not Allowed"),
        ("GET", "/query", "Bad Request"),
        ("GET", "/query?q=" + "x" * 17000, "URI Too Long"),
        ("POST", "http://127.0.0.1:8787/services/Soap/u/62.0", "Server Error"),
    ],
)
def test_the_status_line_gives_the_reason_in_words(rest, method, path, reason):
    assert rest.send(method, path).reason == reason
