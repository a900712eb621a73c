"""Values that nobody may see are planted everywhere, and looked for in everything that comes out."""

import contextlib
import threading
from pathlib import Path

import pytest

# Each begins with a word that no escaping changes, and goes on with what every format escapes.
MASKED = "marker-masked-4711 \"<é>&\\'x"
UNLISTED = "marker-unlisted-4711"
OUTSIDE = "marker-outside-4711"
PASSWORD = "Marker-password-4711"
NEVER = (UNLISTED, OUTSIDE)

SERVED = """\
env: [REGION, {name: ORG_URL, plain: true}]
org: {login: access_token, instance_url: "{{ env.ORG_URL }}", token: {env: ORG_TOKEN}}
vars: {region: "{{ env.REGION }}"}
"""
PEOPLE = """\
settings: {OrgSettings: {enableCustomerSuccessPortal: true}}
profiles: {Customer: {clone_of: High Volume Customer Portal}}
accounts:
  acme: {Name: Acme, AccountNumber: "1", owner: portal.admin@acme.example, Description: "In {{ vars.region }}", Site: plain}
contacts:
  jane: {account: acme, LastName: Doe, Email: jane@acme.example, Description: "{{ env.REGION }}"}
users:
  jane: {contact: jane, profile: Customer, Username: jane@acme.example.x, on_create: {password: {file: jane.password}}}
"""
# What somebody writes in a pull request to read what was not given.
HOSTILE = {
    "unlisted.yaml": 'accounts: {b: {Name: "{{ env.UNLISTED }}"}}\n',
    "whole.yaml": 'accounts: {c: {Name: "{{ env }}"}}\n',
    "token.yaml": 'accounts: {d: {Name: "{{ env.ORG_TOKEN }}"}}\n',
    "letters.yaml": 'accounts: {e: {Name: "{{ env.REGION[:20] }}"}}\n',
    "email.yaml": 'contacts: {f: {LastName: F, Email: "{{ env.REGION }}"}}\n',
    "key.yaml": 'rosters: {r: {file: rows.csv, key: "{{ row.a }}{{ env.REGION }}", contact: {LastName: "{{ row.a }}", Email: a@b.io}}}\n',
    "roster.yaml": 'rosters: {o: {file: ../../outside/people.csv, key: "{{ row.a }}", contact: {LastName: "{{ row.a }}", Email: a@b.io}}}\n',
    "process.yaml": 'rosters: {p: {file: /proc/self/environ, key: "{{ row.a }}", contact: {LastName: "{{ row.a }}"}}}\n',
    "file.yaml": "users: {g: {Username: g@x.io, profile: P, contact: {find: {Name: G}}, on_create: {password: {file: ../outside/secret}}}}\n",
}
FORMATS = ("text", "json", "markdown", "html", "junit", "sarif", "github")
REPORTS = [
    argument
    for ending in ("json", "md", "html", "xml", "sarif")
    for argument in ("--report", f"out/r.{ending}")
]


@contextlib.contextmanager
def watched_processes(markers):
    """The arguments of all processes that contain a marker, while this lasts."""
    found, over = set(), threading.Event()

    def look():
        while not over.wait(0.02):
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    arguments = file.read_bytes().decode("utf-8", "replace")
                    found.update(m for m in markers if m in arguments)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


@pytest.fixture
def shop(work, serve, watch):
    """A spec in a repository, markers all around it, and its org behind a recording proxy."""
    org = serve()
    proxy = watch(org)
    work.folder = work.folder / "repository"
    (work.folder / ".git").mkdir(parents=True)
    work.write("specs/shop/people.yaml", PEOPLE)
    work.write("specs/shop/environments/served.yaml", SERVED)
    work.write("specs/shop/rows.csv", "a\n1\n")
    outside = work.folder.parent / "outside"
    outside.mkdir()
    (outside / "people.csv").write_text(f"a\n{OUTSIDE}\n")
    (outside / "secret").write_text(OUTSIDE)
    (outside / "more.yaml").write_text(f"accounts: {{o: {{Name: {OUTSIDE}}}}}\n")
    secrets = work.folder.parent / "secrets"
    secrets.mkdir()
    (secrets / "jane.password").write_text(f"{PASSWORD}\n")
    work.use(org, proxy.url)
    work.variables |= {
        "REGION": MASKED,
        "UNLISTED": UNLISTED,
        "PROVISIONER_SECRETS_DIR": str(secrets),
        "PROVISIONER_HOME": str(work.folder.parent / "home"),
    }
    return work, org, proxy


def shows(data):
    """The markers in what the command wrote."""
    text = (data if isinstance(data, str) else data.decode("utf-8", "replace")).lower()
    markers = ("marker-masked-4711", UNLISTED, OUTSIDE, PASSWORD.lower())
    return [marker for marker in markers if marker in text]


def test_no_marker_is_seen(shop):
    work, org, proxy = shop
    log = ("--log-format", "json", "--log-file", "out/log.jsonl")
    spec = ("specs/shop", "--env", "served")
    with watched_processes([MASKED, UNLISTED, OUTSIDE, PASSWORD, org.token]) as arguments:
        ran = [work.run("validate", *spec, "--format", form) for form in FORMATS]
        ran += [work.run("plan", *spec, "--format", form, *log) for form in FORMATS]
        ran.append(work.run("plan", *spec, "--out", "out/plan.json", *REPORTS, status=0))
        ran += [work.run("show", "out/plan.json", "--format", form, status=0) for form in FORMATS]
        ran.append(work.run("graph", *spec))
        ran.append(work.run("apply", "out/plan.json", "--auto-approve", *REPORTS, *log, status=0))
        org.change("Account", "Name='Acme'", Description=MASKED.upper(), Site=f"at {MASKED}")
        ran += [work.run("drift", *spec, "--format", form, *log) for form in FORMATS]
        ran.append(
            work.run("drift", *spec, "--adopt", "out/adopt.patch", "--revert", "out/revert.json")
        )
        ran += [work.run("journal", "list"), work.run("journal", "show")]
        ran.append(work.run("explain", "login", "jane", "--spec", "specs/shop", "--env", "served"))
        for name, text in HOSTILE.items():
            work.write(f"specs/shop/{name}", text)
        (work.folder / "specs/shop/link.yaml").symlink_to(work.folder.parent / "outside/more.yaml")
        refused = [
            work.run("plan", *spec, "--format", form, *REPORTS, *log, status=1) for form in FORMATS
        ]
    assert [one.said for one in [*ran, *refused] if shows(one.said)] == []
    assert "In sync" in ran[len(FORMATS) * 3 + 2].out
    checked = work.run("validate", *spec, "--format", "json", status=1)
    assert shows(checked.said) == []
    problems = checked.json["problems"]
    wrong = {Path(p["file"]).name for one in problems for p in (one, *one.get("also", ()))}
    # A secret that is missing is looked for last, and a key is wrong in its row.
    assert wrong >= {*HOSTILE, "link.yaml", "rows.csv"} - {"file.yaml", "key.yaml"}
    written = [*(work.folder / "out").rglob("*"), *(work.folder.parent / "home").rglob("*")]
    assert len(written) > 10
    for file in filter(Path.is_file, written):
        assert shows(file.read_bytes()) == [], file
        assert file.stat().st_mode & 0o077 == 0, file
    assert arguments == set()
    # The org is sent what it is to store, in the body of a write, and nothing else.
    for method, path, body in proxy.requests:
        assert shows(path) == []
        assert org.token not in path
        assert not any(marker.encode() in body for marker in NEVER)
        if PASSWORD.encode() in body:
            assert (method, path.rpartition("/")[2]) == ("POST", "password")
    assert any(b"marker-masked-4711" in body for _, _, body in proxy.requests)
