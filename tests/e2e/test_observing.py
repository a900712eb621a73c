"""What a machine sees of a run: JSON events, OpenTelemetry spans, and a report of what was done."""

import json
import stat
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from lxml import html
from referencing import Registry, Resource

SCHEMAS = Path(__file__).parents[2] / "schemas"
PASSWORD = "first-Passw0rd-77"
USER = "on_create: {password: email}"


def events(text):
    found = [json.loads(line) for line in text.splitlines()]
    assert all(e["at"].startswith("20") and e["event"] for e in found)
    return found


def named(found, name):
    return [e for e in found if e["event"] == name]


@pytest.fixture
def acme(work, serve):
    work.copy_acme()
    work.org = serve()
    work.use(work.org)
    file = work.folder / "specs/acme/people.yaml"
    text = file.read_text("utf-8").replace(USER, "on_create: {password: {env: FIRST_PASSWORD}}")
    file.write_text(text, "utf-8")
    work.variables |= {"FIRST_PASSWORD": PASSWORD}
    return work


def apply(work, *more, **options):
    return work.run("apply", "--env", "served", "--auto-approve", *more, **options)


def test_stderr_and_the_log_file_get_an_event_per_step_and_request(acme):
    ran = apply(acme, "--log-format", "json", "--log-file", "logs/run.jsonl", status=0)
    found = events(ran.err)
    file = acme.folder / "logs/run.jsonl"
    assert [e["event"] for e in events(file.read_text("utf-8"))] == [e["event"] for e in found]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "In sync: a second plan is empty." in ran.out

    steps = named(found, "step_ended")
    assert {s["outcome"] for s in steps} == {"done"}
    assert sorted((s["number"], s["total"]) for s in steps) == [(n, 7) for n in range(1, 8)]
    assert {s["step"] for s in named(found, "step_begun")} == {s["step"] for s in steps}
    assert {"account/acme", "contact/jane", "user/jane"} <= {s["step"] for s in steps if "id" in s}
    calls = named(found, "call_ended")
    assert {"POST", "GET"} <= {c["method"] for c in calls}
    assert all(c["status"] and c["seconds"] >= 0 and "?" not in c["path"] for c in calls)
    assert any(c["path"].endswith("/PortalProfileMembershipPage/e") for c in calls)
    (started,), (ended,) = named(found, "run_started"), named(found, "run_ended")
    assert started["run"] == ended["run"]
    assert ended["outcomes"] == {"done": 7}
    assert (found[0]["event"], found[-1]["event"]) == ("command_started", "command_ended")
    assert found[-1]["status"] == 0


def test_no_secret_and_no_value_of_a_field_is_logged_or_reported(acme):
    ran = apply(acme, "--log-format", "json", "--report", "run.json", status=0)
    kept = acme.home / "reports"
    texts = [ran.said, (acme.folder / "run.json").read_text("utf-8")]
    texts += [path.read_text("utf-8") for path in kept.iterdir()]
    assert len(texts) == 4
    for text in texts:
        assert PASSWORD not in text
        assert acme.org.token not in text
    assert "Doe" not in ran.err
    assert "jane.doe" not in ran.err


def test_problems_and_errors_are_events_too(acme):
    acme.write("specs/acme/more.yaml", "contacts:\n  joe: {account: acmee, LastName: Roe}\n")
    ran = apply(acme, "--log-format", "json", status=1)
    messages = named(events(ran.err), "message")
    places = [(m.get("file"), m.get("line")) for m in messages if m["level"] == "error"]
    assert ("specs/acme/more.yaml", 2) in places
    acme.write("specs/acme/more.yaml", "")
    gone = apply(acme, "--log-format", "json", status=3, ORG_URL="http://127.0.0.1:9")
    found = events(gone.err)
    assert named(found, "call_ended")[0]["error"] == "NotSent"
    assert "refused the connection" in named(found, "message")[-1]["text"]


def test_a_log_that_can_not_be_written_is_said(acme):
    acme.write("logs", "a file")
    assert "cannot be written" in apply(acme, "--log-file", "logs/run.jsonl", status=1).err


def test_the_report_of_a_run_says_what_was_done_by_whom_and_where(acme):
    apply(acme, "--target", "settings/*", status=0)
    before = set((acme.home / "reports").iterdir())
    acme.org.control("POST", "/faults", {"kind": "refuse", "path": "/sobjects/Account", "times": 9})
    told = apply(acme, "--report", "run.md", "--report", "run.html", "--report", "run.sarif")
    new = set((acme.home / "reports").iterdir()) - before
    (kept,) = [path for path in new if path.suffix == ".json"]
    assert f"Report of the run: {kept.with_suffix('.html')}" in told.err
    report = json.loads(kept.read_text("utf-8"))
    schemas = {p.name: json.loads(p.read_text("utf-8")) for p in SCHEMAS.glob("*.schema.json")}
    resources = [(name, Resource.from_contents(each)) for name, each in schemas.items()]
    registry = Registry().with_resources(resources)
    Draft202012Validator(schemas["run.schema.json"], registry=registry).validate(report)
    assert report["report"] == "apply"
    assert report["org"]["id"].startswith("00D")
    assert report["run"]["identity"] == "portal.admin@acme.example"
    assert report["run"]["started"] <= report["run"]["finished"]
    outcomes = {s["address"]: s["result"]["outcome"] for s in report["steps"]}
    assert report["run"]["outcomes"] == {
        name: list(outcomes.values()).count(name) for name in report["run"]["outcomes"]
    }
    profile = next(s for s in report["steps"] if s["address"] == "profile/Acme Portal User")
    assert profile["result"]["id"]
    assert {"before", "after"} <= profile["fields"][0].keys()

    page = html.fromstring((acme.folder / "run.html").read_text("utf-8"))
    shown = {
        section.find(".//address").text: section.find_class(outcomes[address]) != []
        for section, address in zip(page.find_class("step"), outcomes, strict=True)
    }
    assert shown == dict.fromkeys(outcomes, True)
    text = (acme.folder / "run.md").read_text("utf-8")
    for address, outcome in outcomes.items():
        assert f"<code>{address}</code>" in text
        assert f"<b>{outcome}</b>" in text
    results = json.loads((acme.folder / "run.sarif").read_text("utf-8"))["runs"][0]["results"]
    assert len(results) == sum(outcome != "done" for outcome in outcomes.values())


def test_a_report_is_written_where_nothing_was_to_be_done(acme):
    apply(acme, status=0)
    before = set((acme.home / "reports").iterdir())
    apply(acme, "--report", "again.md", status=0)
    assert "in sync" in (acme.folder / "again.md").read_text("utf-8")
    assert set((acme.home / "reports").iterdir()) == before


class Collector(BaseHTTPRequestHandler):
    """Takes spans as an OpenTelemetry collector does: protobuf by HTTP."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            import gzip

            body = gzip.decompress(body)
        self.server.bodies.append((self.path, body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Print nothing."""


@pytest.fixture
def collector():
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        server.bodies = []
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_run_is_a_trace_where_an_exporter_is_configured(acme, collector):
    pytest.importorskip("opentelemetry.sdk", reason="provisioner[otel] is not installed")
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    apply(acme, status=0, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    spans = []
    for path, body in collector.bodies:
        assert path == "/v1/traces"
        request = ExportTraceServiceRequest()
        request.ParseFromString(body)
        for resource in request.resource_spans:
            names = {a.key: a.value.string_value for a in resource.resource.attributes}
            assert names["service.name"] == "provisioner"
            spans += [span for scope in resource.scope_spans for span in scope.spans]
    (root,) = [span for span in spans if not span.parent_span_id]
    assert root.name == "provisioner apply"
    assert {s.trace_id for s in spans} == {root.trace_id}
    assert {s.parent_span_id for s in spans if s is not root} == {root.span_id}
    names = {span.name for span in spans}
    assert {"create user/jane", "update settings/OrgSettings", "POST"} <= names
    assert all(s.start_time_unix_nano <= s.end_time_unix_nano for s in spans)
    assert all(root.start_time_unix_nano <= s.start_time_unix_nano for s in spans)
    assert PASSWORD not in str(spans)


def test_a_collector_that_is_away_stops_nothing(acme):
    pytest.importorskip("opentelemetry.sdk", reason="provisioner[otel] is not installed")
    away = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
    ran = acme.run("plan", "--env", "served", status=0, **away)
    assert ran.err.count("warning: no spans could be sent") == 1
    off = acme.run("plan", "--env", "served", status=0, OTEL_TRACES_EXPORTER="none", **away)
    assert "warning" not in off.err


def test_opentelemetry_that_is_not_installed_is_said(acme):
    acme.write("path/opentelemetry/__init__.py", "")
    ran = acme.run(
        *("plan", "--env", "served"),
        status=0,
        PYTHONPATH=str(acme.folder / "path"),
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9",
    )
    assert "`uv sync --locked --extra otel`" in ran.err
