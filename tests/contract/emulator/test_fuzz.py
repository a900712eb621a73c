"""No request, however malformed, makes the local org fail, and none that is refused changes it."""

import base64
import hashlib
import io
import json
import zipfile
from functools import cache
from string import printable
from urllib.parse import quote, urlencode

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from provisioner.emulator.app import create_app
from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.lifecycle.first_day import open_org
from provisioner.emulator.rules import save
from provisioner.emulator.sites import members, networks, templates

FUZZ = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW")
ADMIN = "005000000000001AAA"


class World:
    """One org in memory that is put back before every request."""

    def __init__(self):
        self.org = open_org(":memory:")
        admin = first_day.admin_id(self.org)
        first_day.enable_customer_portal(self.org, admin)
        first_day.enable_digital_experiences(self.org, admin)
        first_day.enable_person_accounts(self.org)
        self.token = self.org.start_session(admin).token
        self.ids = {
            name: self.org.insert(name, {field: "Acme"}, by=admin)
            for name, field in (("Account", "Name"), ("Contact", "LastName"))
        } | {"User": admin}
        self.ids |= self.site(admin)
        self.first_day = self.org.copied()
        app = create_app(self.org, control=True)
        app.testing = True  # an exception leaves the app and fails the test with its traceback
        self.client = app.test_client(use_cookies=False)

    def site(self, admin):
        """A site whose members have all arrived, so that nothing happens by itself."""
        values = {"Name": "Acme", "UrlPathPrefix": "acme"}
        id_ = networks.create(self.org, admin, templates.SITE_TEMPLATES[0], values)
        (profile,) = self.org.find("Profile", Name="System Administrator")
        group = members.add_group(self.org, admin, id_, profile, status=members.ADDED)
        (member,) = self.org.find("NetworkMember")
        (person,) = self.org.find("RecordType", IsPersonType=True)
        account = {"LastName": "Doe", "RecordTypeId": person}
        table = self.org.catalog().get("Account")
        return {
            "Network": id_, "NetworkMemberGroup": group, "NetworkMember": member,
            "Person": save.create(self.org, admin, table, account),
        }  # fmt: skip

    def send(self, method, path, body=b"", query="", headers=None, *, login=True):
        self.org.replace(self.first_day)
        before = self.digest()
        known = {"Authorization": f"Bearer {self.token}"} if login else {}
        response = self.client.open(
            path, method=method, data=body, query_string=query, headers=known | (headers or {})
        )
        if method != "HEAD":
            self.check(response, method, path)
        if response.status_code >= 400:
            assert self.digest() == before, "a refused request changed the org"
        return response

    def check(self, response, method, path):
        kind = response.headers.get("Content-Type", "")
        if response.status_code >= 500:
            assert path.startswith("/services/Soap/"), response.text
            assert kind.startswith("text/xml"), response.text
            assert b"<faultcode>" in response.data
        # a person who opens a SOAP endpoint in a browser
        by_hand = path.startswith("/services/Soap/") and method != "POST"
        if path.startswith("/services/") and response.data and not by_hand:
            assert "html" not in kind or response.status_code == 414, response.text
        refused = response.status_code >= 400 and kind.startswith("application/json")
        if path.startswith("/services/data/") and refused:
            answer = response.get_json()
            errors = answer if isinstance(answer, list) else [answer]
            assert all({"errorCode", "message"} <= error.keys() for error in errors), answer

    def digest(self):
        """Everything but what a refusal may change: the call counter, sessions, logins, ids."""
        names = self.org.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")
        found = hashlib.sha256()
        for (name,) in names:
            if name in {"LoginHistory", "session", "sequence"}:
                continue
            where = " WHERE name NOT LIKE 'api calls%'" if name == "setting" else ""
            rows = [tuple(row) for row in self.org.execute(f'SELECT * FROM "{name}"{where}')]
            found.update(f"{name}{rows}".encode() if rows else b"")
        return found.hexdigest()


@cache
def world():
    return World()


# -- what is sent ------------------------------------------------------------------------------

words = st.sampled_from(
    ["Account", "Contact", "User", "Profile", "PermissionSet", "UserLicense", "Case", "Name", "Id",
     "LastName", "AccountId", "ContactId", "ProfileId", "OwnerId", "IsActive", "Email", "attributes",
     "type", "url", "records", "allOrNone", "compositeRequest", "referenceId", "method", "body",
     "graphs", "graphId", "httpHeaders", "ids", "fields", "NewPassword", "Username", "Account.Name",
     "CreatedDate", "BillingAddress", "NumberOfEmployees", "Birthdate", "object", "operation",
     "query", "insert", "upsert", "state", "UploadComplete", "externalIdFieldName", "lineEnding",
     "columnDelimiter", "concurrencyMode", "contentType", "CSV", "JSON", "deployOptions",
     "checkOnly", "FullName", "Metadata", "POST", "GET", "PATCH", "@{a.id}", "@{a[0].b}", "a",
     "/services/data/v60.0/sobjects/Account", "/services/data/v60.0/query?q=SELECT+Id+FROM+User",
     "/services/data/v60.0/composite/sobjects", "x" * 300, "-1", "1e999", "2026-05-01", "",
     "001000000000001AAA", "005000000000001", "00000000000000000A", "Österreich", "\x00", "'", "%"]
)  # fmt: skip
texts = words | st.text(max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=20,
)
objects = st.dictionaries(texts, values, max_size=6)
rest_parts = st.sampled_from(
    ["sobjects", "Account", "Contact", "User", "Profile", "LoginHistory", "Group", "describe",
     "query", "queryAll", "tooling", "composite", "tree", "graph", "batch", "limits",
     "recordCount", "jobs", "ingest", "batches", "successfulResults", "failedResults",
     "unprocessedrecords", "results", "metadata", "deployRequest", "password", "Id", "Name",
     "Email", "search", "parameterizedSearch", "connect", "communities", "01g000000000001-2000",
     "750000000000001AAA", "updated", "deleted", "layouts", "describeSObjects", "recent", "theme",
     "actions", "appMenu", "CustomField", "executeAnonymous", "templates", "publish", "Network",
     "NetworkMember", "NetworkMemberGroup", "NetworkSelfRegistration", "BackgroundOperation",
     "EmailTemplate", "RecordType", "0DB000000000001AAA", "08P000000000001AAA"]
) | texts  # fmt: skip
kinds = st.sampled_from(
    ["application/json", "application/json; charset=latin-9", "application/xml", "text/csv",
     "text/xml", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data",
     "multipart/form-data; boundary=b", "application/zip", "", "nonsense", "a/b; charset=nonsense"]
)  # fmt: skip
odd_headers = st.dictionaries(
    st.sampled_from(
        ["Accept", "If-Modified-Since", "If-Match", "If-None-Match", "Sforce-Query-Options",
         "Sforce-Auto-Assign", "Sforce-Duplicate-Rule-Header", "Sforce-Call-Options", "Sforce-Mru",
         "Sforce-Locator", "Sforce-Limit-Info", "X-SFDC-Session", "Accept-Encoding",
         "Content-Encoding", "SOAPAction", "X-PrettyPrint", "Authorization", "Range", "Cookie"]
    ),
    st.sampled_from(
        ["", "batchSize=", "batchSize=-1", "batchSize=9999999999999999999", "batchSize=200", "*/*",
         "application/xml", "Fri, 03 Sep 2100 21:35:07 GMT", "Fri, 99 Sep 2100", "yesterday", "0",
         "Bearer", "Bearer x y", "Basic !!!", "Basic YTpi", "OAuth ", "gzip", "deflate", "\xff",
         "allowSave=true", "client=x", "TRUE", '"abc"', "sid=x; sid=y", "bytes=0-1"]
    ),
    max_size=3,
)  # fmt: skip


def broken(text):
    """The text, or a part of it, or with something odd in it."""
    return st.one_of(
        st.just(text),
        st.integers(0, max(len(text), 1)).map(lambda at: text[:at]),
        st.integers(0, max(len(text), 1)).map(lambda at: f"{text[:at]}\x00\ud800{text[at:]}"),
    ).map(lambda t: t.encode("utf-8", "surrogatepass"))


def zipped(files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text.encode("utf-8", "replace"))
    return data.getvalue()


def rows(cells):
    return "\n".join(",".join(line) for line in cells)


bodies = st.one_of(
    st.just(b""),
    st.binary(max_size=60),
    (objects | values).map(json.dumps).flatmap(broken),
    st.lists(st.lists(texts, max_size=4), max_size=4).map(rows).flatmap(broken),
)
paths = st.tuples(
    st.sampled_from(
        ["v60.0", "v63.0", "v31.0", "v30.0", "v99.0", "60.0", "vxx", "v\u0663\u0661.0"]
    ),
    st.lists(rest_parts, max_size=5),
).map(lambda parts: quote("/services/data/" + "/".join([parts[0], *parts[1]])))


# -- REST --------------------------------------------------------------------------------------


@FUZZ
@given(st.sampled_from(METHODS), paths, bodies, kinds, odd_headers, texts, st.booleans())
def test_rest_calls(method, path, body, kind, headers, query, login):
    url = urlencode({"q": query, "fields": query, "ids": query}, errors="replace")
    world().send(method, path, body, url, headers | {"Content-Type": kind}, login=login)


def real(path):
    for name, id_ in world().ids.items():
        path = path.replace(f"<{name}>", id_)
    return f"/services/data/v60.0{path}"


RECORD_TARGETS = (
    ("POST", "/sobjects/Account"),
    ("POST", "/sobjects/Contact"),
    ("POST", "/sobjects/User"),
    ("POST", "/sobjects/Profile"),
    ("POST", "/sobjects/PermissionSet"),
    ("POST", "/sobjects/PermissionSetAssignment"),
    ("POST", "/sobjects/ObjectPermissions"),
    ("PATCH", "/sobjects/Account/<Account>"),
    ("PATCH", "/sobjects/Contact/<Contact>"),
    ("PATCH", "/sobjects/User/<User>"),
    ("PATCH", "/sobjects/User/Username/jane%40x.example"),
    ("PATCH", "/sobjects/Contact/Email/jane%40x.example"),
    ("POST", "/sobjects/User/<User>/password"),
    ("PATCH", "/sobjects/Account/<Person>"),
    ("PATCH", "/sobjects/Network/<Network>"),
    ("PATCH", "/sobjects/NetworkMember/<NetworkMember>"),
    ("PATCH", "/sobjects/NetworkMemberGroup/<NetworkMemberGroup>"),
    ("POST", "/sobjects/NetworkMemberGroup"),
    ("POST", "/sobjects/NetworkSelfRegistration"),
    ("POST", "/sobjects/EmailTemplate"),
    ("POST", "/connect/communities/<Network>/publish"),
)
FIELDS = (
    "Name", "LastName", "FirstName", "Email", "AccountId", "OwnerId", "ContactId", "Username",
    "Alias", "ProfileId", "UserRoleId", "IsActive", "TimeZoneSidKey", "LanguageLocaleKey", "Id",
    "attributes", "NumberOfEmployees", "AnnualRevenue", "Birthdate", "BillingAddress",
    "BillingLatitude", "Account", "Owner", "CreatedDate", "Description", "Phone", "Website",
    "UserLicenseId", "PermissionsApiEnabled", "ParentId", "Contacts", "Nothing", "NewPassword",
    "SobjectType", "PermissionsRead", "AssigneeId", "PermissionSetId", "Label", "NetworkId",
    "AssignmentStatus", "Status", "UrlPathPrefix", "NewSenderAddress", "MaxFileSizeKb",
    "SelfRegProfileId", "OptionsSendWelcomeEmail", "WelcomeEmailTemplateId", "PersonEmail",
    "RecordTypeId", "Salutation", "FolderId", "TemplateStyle", "TemplateType",
)  # fmt: skip
records = st.dictionaries(
    st.sampled_from(FIELDS),
    st.sampled_from(
        [{"type": "Account"}, {"type": "Contact", "referenceId": "r"}, {"Name": "x"}, {"Id": 1},
         {"records": [{"attributes": {"type": "Contact", "referenceId": "s"}, "LastName": "x"}]},
         ADMIN, "Live", "WaitingForRemove", "UnderConstruction", "acme", "0DB000000000001AAA",
         "012000000000002AAA", "Acme", "jane@x.example", "en_US", "Europe/Berlin", "2026-05-01", True, 10**30]
    ) | values,
    max_size=6,
)  # fmt: skip
calls = st.fixed_dictionaries(
    {},
    optional={
        "method": st.sampled_from(["GET", "POST", "PATCH", "DELETE", "get", 1, None]),
        "url": st.sampled_from(
            ["/services/data/v60.0/sobjects/Account", "/services/data/v60.0/sobjects/@{a.id}",
             "/services/data/v60.0/query?q=SELECT+Id+FROM+Account", "/services/data/v60.0/composite",
             "/services/data/v60.0/sobjects/Account/@{a.id}/x", "v60.0/limits", "", "http://[", None]
        ) | values,
        "referenceId": st.sampled_from(["a", "b", "", "a.b", None, 1, [], {}]),
        "body": records | values,
        "httpHeaders": values,
        "richInput": records | values,
    },
)  # fmt: skip


def maybe(strategy):
    """Nearly always what is asked for, now and then something else."""
    return st.one_of(strategy, strategy, strategy, values)


def some(required, **more):
    """Objects that nearly always have what they need."""
    return maybe(st.fixed_dictionaries(required, optional=more))


many_records = maybe(
    st.lists(
        maybe(
            st.tuples(
                records,
                some({"type": maybe(st.sampled_from(["Account", "Contact", "User"]))},
                     referenceId=maybe(st.just("r"))),
            ).map(lambda pair: pair[0] | {"attributes": pair[1]})
        ),
        max_size=4,
    )
)  # fmt: skip
many_calls = maybe(st.lists(maybe(calls), max_size=3))
ingest = some(
    {"object": maybe(st.sampled_from(["Account", "User"])),
     "operation": maybe(st.sampled_from(["insert", "update", "upsert", "delete", "hardDelete"]))},
    **dict.fromkeys(("contentType", "lineEnding", "columnDelimiter", "externalIdFieldName", "assignmentRuleId"), values),
)  # fmt: skip
bulk_query = some(
    {"operation": maybe(st.just("query")), "query": maybe(st.just("SELECT Id FROM Account"))},
    **dict.fromkeys(("contentType", "lineEnding", "columnDelimiter"), values),
)
BUNDLES = {
    "POST /composite": some({"compositeRequest": many_calls}, allOrNone=values),
    "POST /composite/batch": some({"batchRequests": many_calls}, haltOnError=values),
    "POST /composite/graph": some(
        {"graphs": maybe(st.lists(some({"compositeRequest": many_calls, "graphId": values})))}
    ),
    "POST /composite/sobjects": some({"records": many_records}, allOrNone=values),
    "PATCH /composite/sobjects": some({"records": many_records}, allOrNone=values),
    "PATCH /composite/sobjects/Contact/Email": some({"records": many_records}, allOrNone=values),
    "POST /composite/sobjects/Account": some({"ids": values, "fields": values}),
    "POST /composite/tree/Account": some({"records": many_records}),
    "POST /jobs/ingest": ingest,
    "POST /jobs/query": bulk_query,
    "POST /connect/communities": some(
        {"name": maybe(st.sampled_from(["Help", "ACME", ""])),
         "templateName": maybe(st.sampled_from([one.name for one in templates.SITE_TEMPLATES])),
         "urlPathPrefix": maybe(st.sampled_from(["help", "acme", "a b", ""]))},
        description=values, templateParams=values, x=values,
    ),
}  # fmt: skip


@FUZZ
@given(st.sampled_from(RECORD_TARGETS), maybe(records))
def test_records(target, body):
    method, path = target
    post(method, real(path), body)


@settings(FUZZ, max_examples=250)
@example(("POST /composite", {"compositeRequest": [1]}))
@example(("POST /composite", {"compositeRequest": [{"method": "GET", "url": "http://["}]}))
@example(("POST /composite", {"compositeRequest": [{"method": [], "url": {}, "referenceId": []}]}))
@example(("POST /composite", {"compositeRequest": [{
    "method": "GET", "url": "/services/data/v60.0/limits", "referenceId": "a", "httpHeaders": [1],
}]}))  # fmt: skip
@example(("POST /composite/sobjects", {"records": [{"attributes": 1}]}))
@example(("POST /jobs/ingest", {"object": [], "operation": [], "columnDelimiter": []}))
@given(
    st.sampled_from(sorted(BUNDLES)).flatmap(lambda name: st.tuples(st.just(name), BUNDLES[name]))
)
def test_bundles(sent):
    target, body = sent
    method, path = target.split(" ")
    post(method, real(path), body)


def post(method, path, body):
    world().send(method, path, json.dumps(body), headers={"Content-Type": "application/json"})


# -- SOQL --------------------------------------------------------------------------------------

tokens = st.sampled_from(
    ["SELECT", "FROM", "WHERE", "AND", "OR", "NOT", "IN", "LIKE", "GROUP BY", "HAVING", "ORDER BY",
     "LIMIT", "OFFSET", "ASC", "DESC NULLS LAST", "FOR VIEW", "ALL ROWS", "WITH SECURITY_ENFORCED",
     "USING SCOPE mine", "TYPEOF Owner WHEN User THEN Id END", "Id", "Name", "Account", "Contact",
     "User", "a", "Account.Owner.Name", "Owner.Profile.UserLicense.Name", "CreatedDate", "IsActive",
     "COUNT()", "COUNT(Id)", "MAX(CreatedDate)", "toLabel(LeadSource)", "FIELDS(ALL)", "(", ")",
     "(SELECT Id FROM Contacts)", "(SELECT AccountId FROM Contact)", ",", "=", "!=", "<", ">=",
     "'x'", "'", "'a\\'b'", "'%_'", "1", "-1.5", "1e5", "TODAY", "LAST_N_DAYS:3", "N_DAYS_AGO:99999",
     "LAST_N_DAYS:99999999999", "2026-05-01", "2026-13-41", "2026-05-01T10:00:00Z", "0000-00-00",
     "9999-12-31T23:59:59-23:00", "NULL", "true", ":bind", "INCLUDES", "('a','b')", "('a;b')", "--",
     ";", "\n", "\x00", "ö", "EUR5", "DISTANCE(a, GEOLOCATION(1,2), 'km')", "CALENDAR_YEAR(CreatedDate)",
     "GROUP BY ROLLUP(Name)", "999999999999999999999"]
)  # fmt: skip
queries = st.one_of(
    st.lists(tokens, max_size=14).map(" ".join),
    st.tuples(
        st.lists(tokens, min_size=1, max_size=3).map(", ".join),
        st.sampled_from(["Account", "Contact c", "User", "UserLogin", "Profile, Profile.x"]),
        st.lists(tokens, max_size=8).map(" ".join),
    ).map(lambda q: f"SELECT {q[0]} FROM {q[1]} WHERE {q[2]}"),
    st.tuples(tokens, tokens, tokens).map(lambda q: f"SELECT Id FROM User WHERE {' '.join(q)}"),
    st.tuples(tokens, tokens).map(lambda q: f"SELECT Id FROM Account ORDER BY {' '.join(q)}"),
    st.text(alphabet=printable, max_size=40).map(lambda t: f"SELECT Id FROM Account {t}"),
)


@settings(FUZZ, max_examples=300)
@example("query", "SELECT Id FROM User WHERE CreatedDate = LAST_N_DAYS:99999999999")
@example("query", "SELECT " + "(" * 500 + "Id FROM Account")
@example("query", "SELECT Id FROM Account WHERE " + "NOT " * 2000 + "Name = 'x'")
@example("query", "SELECT Id FROM Account WHERE " + "(" * 2000 + "Name = 'x'" + ")" * 2000)
@given(st.sampled_from(["query", "queryAll", "tooling/query"]), queries)
def test_soql(resource, soql):
    world().send("GET", f"/services/data/v60.0/{resource}", query=urlencode({"q": soql}))


# -- SOAP --------------------------------------------------------------------------------------

OPERATIONS = (
    "createMetadata", "updateMetadata", "upsertMetadata", "deleteMetadata", "readMetadata",
    "renameMetadata", "listMetadata", "describeMetadata", "describeValueType", "deploy",
    "checkDeployStatus", "cancelDeploy", "retrieve", "checkRetrieveStatus", "login", "logout",
    "getUserInfo", "setPassword", "resetPassword", "changeOwnPassword", "query", "queryMore",
    "create", "update", "upsert", "delete", "retrieve", "describeSObject", "nothing",
)  # fmt: skip
elements = st.recursive(
    st.tuples(
        st.sampled_from(
            ["type", "fullName", "fullNames", "metadata", "newFullName", "oldFullName", "queries",
             "asOfVersion", "ZipFile", "DeployOptions", "asyncProcessId", "includeDetails",
             "username", "password", "userId", "queryString", "sObjects", "ids", "sObjectType",
             "externalIDFieldName", "retrieveRequest", "apiVersion", "unpackaged", "label", "Id"]
        ),
        st.sampled_from(
            ["", "Portal", "Profile", "Layout", "OrgSettings", "CustomField", "CustomObject", "60.0",
             "Account.X__c", "Customer Portal", "Admin", "-1", "true", "x", "UEsDBAo=", ADMIN,
             "SELECT Id FROM Account", "Account", "<x/>", "&amp;", "<!-- c -->", "&nothing;"]
        ),
        st.sampled_from(["", ' xsi:type="m:Portal"', ' xsi:type="m:Profile"', ' xsi:nil="true"',
                         ' xsi:type="m:Layout"', ' xsi:type="x:y"', ' xsi:type=""',
                         ' xsi:type="m:CustomField"', ' xsi:type="sObject"']),
    ).map(lambda e: f"<m:{e[0]}{e[2]}>{e[1]}</m:{e[0]}>"),
    lambda inner: st.tuples(st.sampled_from(["metadata", "queries", "sObjects", "x"]),
                            st.lists(inner, max_size=4)).map(
        lambda e: f"<m:{e[0]}>{''.join(e[1])}</m:{e[0]}>"),
    max_leaves=6,
)  # fmt: skip


@settings(FUZZ, max_examples=250)
@given(
    st.sampled_from(["m/60.0", "m/60.0/x", "u/60.0", "c/60.0", "m/1.0", "u/99.0", "m/x", "u/nan"]),
    st.sampled_from(METHODS[:2]),
    st.sampled_from(OPERATIONS),
    st.lists(elements, max_size=5).map("".join),
    st.sampled_from(["<m:sessionId>{}</m:sessionId>", "", "<m:sessionId/>", "<x/>"]),
    st.data(),
)
def test_soap_calls(path, method, operation, content, head, data):
    text = envelope(path, operation, content, head.format(world().token))
    body = text.encode() if data.draw(st.booleans()) else data.draw(broken(text))
    soap_send(method, path, body)


WRITTEN = {
    "Network": (
        "changePasswordTemplate", "emailSenderAddress", "emailSenderName",
        "forgotPasswordTemplate", "site", "status", "tabs", "welcomeTemplate", "description",
        "networkMemberGroups", "newSenderAddress", "picassoSite", "selfRegProfile",
        "sendWelcomeEmail", "urlPathPrefix", "maxFileSizeKb", "emailFooterLogo",
    ),
    "CustomSite": (
        "active", "allowHomePage", "allowStandardIdeasPages", "allowStandardLookups",
        "allowStandardPortalPages", "allowStandardSearch", "browserXssProtection",
        "clickjackProtectionLevel", "contentSniffingProtection", "indexPage", "masterLabel",
        "referrerPolicyOriginWhenCrossOrigin", "siteType", "siteAdmin", "portal", "urlPathPrefix",
    ),
    "SharingSet": ("accessMappings", "description", "name", "profiles"),
}  # fmt: skip
FIT = {
    "clickjackProtectionLevel": "SameOriginOnly", "siteType": "ChatterNetwork", "status": "Live",
    "tabs": "<m:defaultTab>home</m:defaultTab>", "maxFileSizeKb": "5000", "site": "Acme",
    "emailSenderAddress": "a@b.example", "picassoSite": "Acme1", "name": "Acme",
    "accessMappings": "<m:accessLevel>Read</m:accessLevel><m:object>Case</m:object>"
    "<m:objectField>Contact</m:objectField><m:userField>Contact</m:userField>",
    "networkMemberGroups": "<m:profile>admin</m:profile>", "urlPathPrefix": "acme",
    "profiles": "customer community user", "siteAdmin": "portal.admin@acme.example",
    **dict.fromkeys(
        ("changePasswordTemplate", "forgotPasswordTemplate", "welcomeTemplate"),
        "unfiled$public/CommunityWelcomeEmailTemplate",
    ),
}  # fmt: skip
of_sites = st.sampled_from(sorted(WRITTEN)).flatmap(
    lambda kind: st.tuples(
        st.just(kind),
        st.sampled_from(["Acme", "acme", "Other", "a.b", "%41cme", "x" * 300, "Ö"]),
        st.fixed_dictionaries(
            {
                name: st.sampled_from([FIT.get(name, "true")] * 6 + ["", "x", "x" * 300, None])
                for name in WRITTEN[kind]
            }
        ),
    )
)


@settings(FUZZ, max_examples=250)
@given(st.sampled_from(["createMetadata", "updateMetadata", "upsertMetadata"]), of_sites)
def test_components_of_sites(operation, component):
    kind, name, held = component
    inner = "".join(f"<m:{one}>{text}</m:{one}>" for one, text in held.items() if text is not None)
    content = f'<m:metadata xsi:type="m:{kind}"><m:fullName>{name}</m:fullName>{inner}</m:metadata>'
    head = f"<m:sessionId>{world().token}</m:sessionId>"
    soap("m/60.0", operation, content, head)


def envelope(path, operation, content, head):
    uri = {"m": "http://soap.sforce.com/2006/04/metadata", "c": "urn:enterprise.soap.sforce.com"}
    return (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        f' xmlns:m="{uri.get(path[0], "urn:partner.soap.sforce.com")}">'
        f"<e:Header><m:SessionHeader>{head}</m:SessionHeader></e:Header>"
        f"<e:Body><m:{operation}>{content}</m:{operation}></e:Body></e:Envelope>"
    )


def soap(path, operation, content, head):
    soap_send("POST", path, envelope(path, operation, content, head).encode())


def soap_send(method, path, body):
    headers = {"Content-Type": "text/xml", "SOAPAction": '""'}
    world().send(method, f"/services/Soap/{path}", body, headers=headers, login=False)


# -- everything else ---------------------------------------------------------------------------

PLACES = (
    "/", "/services", "/services/data", "/services/oauth2/token", "/services/oauth2/userinfo",
    "/services/oauth2/revoke", "/services/oauth2/introspect", "/services/oauth2/authorize",
    "/id/00D/005", "/services/async/60.0/job", "/services/async/60.0/job/750/batch",
    "/services/apexrest/x", "/services/Soap/m/60.0", "/services/Soap/x", "/secur/frontdoor.jsp",
    "/secur/logout.jsp", "/setup/forcecomHomepage.apexp", "/060/e", "/060000000000001AAA/e",
    "/060000000000001AAA", "/001000000000001AAA", "/_ui/core/portal/CustomerSuccessPortalSetup/e",
    "/_ui/core/portal/CustomerSuccessPortalSetup/d", "/home/home.jsp", "/secur/login_portal.jsp",
    "/_ui/core/portal/PortalProfileMembershipPage/e", "/_ui/system/security/ChangePassword",
    "/ui/setup/portal/RoleConversionWizardSplashPage",
    "/setup/secur/RemoteAccessAuthorizationPage.apexp", "/favicon.ico", "//x", "/%00", "/%ff",
)  # fmt: skip
GRANTS = (
    "password", "client_credentials", "refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "authorization_code", "device", "",
)  # fmt: skip
forms = st.dictionaries(
    st.sampled_from(
        ["username", "password", "client_id", "client_secret", "assertion", "refresh_token",
         "token", "format", "code", "source", "user_code", "response_type", "redirect_uri", "un", "pw", "sid", "retURL", "startURL", "portalId", "orgId", "id",
         "_CONFIRMATIONTOKEN", "penabled", "save", "Name", "Admin", "newpassword", "oldpassword"]
    ),
    st.sampled_from(
        ["admin@local.example", "x", "", "a.b.c", "eyJhbGciOiJSUzI1NiJ9.e30.x", "//evil.example",
         "eyJhbGciOiJub25lIn0.eyJpc3MiOjF9.", "060000000000001AAA", "json", "\x00", "ö", "on"]
    ) | texts,
    max_size=5,
)  # fmt: skip


@settings(FUZZ, max_examples=250)
@given(
    st.sampled_from(METHODS), st.sampled_from(PLACES), forms, st.sampled_from(GRANTS), odd_headers,
    st.booleans(), st.booleans(),
)  # fmt: skip
def test_pages_and_logins(method, place, form, grant, headers, login, in_query):
    text = urlencode(form | {"grant_type": grant}, errors="replace")
    cookie = {"Cookie": f"sid={world().token}"} if login else {}
    headers = {"Content-Type": "application/x-www-form-urlencoded"} | cookie | headers
    query = text if in_query else ""
    world().send(method, place, b"" if in_query else text, query, headers, login=False)


SPACE = 'xmlns="http://soap.sforce.com/2006/04/metadata"'
packages = st.dictionaries(
    st.sampled_from(
        ["package.xml", "unpackaged/package.xml", "p/package.xml", "destructiveChanges.xml",
         "destructiveChangesPost.xml", "portals/Customer Portal.portal", "profiles/Admin.profile",
         "profiles/X.profile", "layouts/Contact-X.layout", "settings/Org.settings", "../x", "/x",
         "objects/Account.object", "objects/X__c.object", "classes/X.cls", "ö.profile", "x/", "."]
    ),
    st.sampled_from(
        ["", "<", "<x/>", "x", f"<Package {SPACE}/>", f"<Package {SPACE}><version>60.0</version></Package>",
         (f"<Package {SPACE}><types><members>*</members><name>Profile</name></types><version>60.0"
         "</version></Package>"),
         (f"<Package {SPACE}><types><members>X</members><members>Admin</members><name>Profile</name>"
         "</types><types><name>Nothing</name></types><version>x</version></Package>"),
         f"<Profile {SPACE}><custom>true</custom></Profile>",
         f"<Profile {SPACE}><custom>perhaps</custom><nothing/></Profile>",
         f"<Portal {SPACE}><active>true</active></Portal>",
         (f"<OrgSettings {SPACE}><enableCustomerSuccessPortal>false</enableCustomerSuccessPortal>"
         "</OrgSettings>"),
         (f"<CustomObject {SPACE}><fields><fullName>A__c</fullName><label>A</label><type>Text</type>"
         "<length>9</length></fields></CustomObject>"),
         (f"<CustomObject {SPACE}><fields><fullName>A</fullName><type>Nothing</type></fields>"
         "<label>X</label><nameField/></CustomObject>")]
    ) | texts,
    max_size=4,
).map(zipped) | st.binary(max_size=80)  # fmt: skip
options = st.sampled_from(
    ["{}", "", "[]", "1", '{"deployOptions": {}}', '{"deployOptions": {"checkOnly": "x"}}',
     '{"deployOptions": {"singlePackage": true, "rollbackOnError": true, "checkOnly": true}}',
     '{"deployOptions": []}', '{"deployResult": {"status": "Canceling"}}']
)  # fmt: skip


@FUZZ
@given(
    st.sampled_from(["POST", "PUT", "PATCH", "GET"]),
    st.sampled_from(
        ["metadata/deployRequest", "metadata/deployRequest/0Af000000000001AAA",
         "jobs/ingest/750000000000001AAA/batches"]
    ),
    packages, options, st.booleans(), kinds,
)  # fmt: skip
def test_packages_by_rest(method, path, package, option, whole, kind):
    if whole:
        kind = "multipart/form-data; boundary=b"
        head = 'Content-Disposition: form-data; name="{}"\r\nContent-Type: {}\r\n\r\n'
        package = b"".join(
            [b"--b\r\n", head.format("json", "application/json").encode(), option.encode(),
             b"\r\n--b\r\n", head.format('file"; filename="d.zip', "application/zip").encode(),
             package, b"\r\n--b--\r\n"]
        )  # fmt: skip
    world().send(method, f"/services/data/v60.0/{path}", package, headers={"Content-Type": kind})


FLAGS = "allowMissingFiles autoUpdatePackage checkOnly ignoreWarnings performRetrieve purgeOnDelete rollbackOnError singlePackage"


@FUZZ
@given(
    packages,
    st.lists(st.sampled_from(["true", "false", "true", "false", "x", ""]), min_size=8, max_size=8),
)
def test_packages_by_soap(package, flags):
    chosen = "".join(
        f"<m:{name}>{flag}</m:{name}>" for name, flag in zip(FLAGS.split(), flags, strict=True)
    )
    content = (
        f"<m:ZipFile>{base64.b64encode(package).decode()}</m:ZipFile>"
        f"<m:DeployOptions>{chosen}</m:DeployOptions>"
    )
    soap("m/60.0", "deploy", content, f"<m:sessionId>{world().token}</m:sessionId>")
