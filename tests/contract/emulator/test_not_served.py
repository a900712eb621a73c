"""What Salesforce has and the local org does not serve is refused by name."""

import pytest

URL = "http://127.0.0.1:8787"
CODE = "FUNCTIONALITY_NOT_ENABLED"


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["Users", "Users/005000000000001AAA", "ServiceProviderConfigs"])
def test_scim_is_refused(rest, method, path):
    body = {} if method in {"POST", "PATCH"} else None
    error = rest.refusal(method, f"{URL}/services/scim/v2/{path}", body)
    assert error == (403, CODE, "The local org does not serve SCIM", None)
