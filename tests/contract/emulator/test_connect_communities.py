"""Connect REST: sites, which this org has none of yet (platform reference 1.6)."""


def test_sites_are_found_only_where_they_are_enabled(rest, local):
    assert rest.refusal("GET", "/connect/communities")[:3] == (
        404, "NOT_FOUND", "The requested resource does not exist",
    )  # fmt: skip
    for path in ("/connect/communities/templates", "/sobjects/Network/describe"):
        assert rest.refusal("GET", path)[0] == 404
    local.set_feature("Networks", on=True)
    assert rest("GET", "/connect/communities") == (200, {"communities": [], "total": 0})
    assert rest.refusal("POST", "/connect/communities", {"name": "x"})[0] == 403
    assert rest.refusal("DELETE", "/connect/communities")[0] == 405
    for path in ("/connect/communities/templates", "/sobjects/Network/describe"):
        assert rest.refusal("GET", path)[:2] == (403, "FUNCTIONALITY_NOT_ENABLED")
    for path in ("/connect/communities/0DB000000000001/publish", "/connect/nonsense", "/connect"):
        assert rest.refusal("GET", path)[0] == 404
