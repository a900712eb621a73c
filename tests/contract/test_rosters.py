"""The CSV files of a spec as they lie on a disk: found, decoded, read, and pointed at."""

from __future__ import annotations

import codecs

import pytest

from provisioner.apply import executor
from provisioner.model.outcome import Outcome
from provisioner.org.connect import open_org
from provisioner.plan import make as workflow
from provisioner.spec.load import load

SPEC = """\
rosters:
  customers:
    file: customers.csv
    key: "{{ row.Nr }}"
    account: {Name: "{{ row.Company }}"}
    contact: {LastName: "{{ row.Last }}", Email: "{{ row.Email }}"}
"""
ROWS = "Nr,Company,Last,Email\n1,Fjäll Öl,Ångström,a@x.io\n"


@pytest.fixture
def spec(tmp_path, monkeypatch):
    """Write files of a spec and load it: `spec(csv, yaml)`."""
    monkeypatch.chdir(tmp_path)

    def written(csv, yaml=SPEC, **files):
        (tmp_path / "s").mkdir(exist_ok=True)
        (tmp_path / "s" / "people.yaml").write_text(yaml, "utf-8")
        if csv is not None:
            (tmp_path / "s" / "customers.csv").write_bytes(csv)
        for name, text in files.items():
            (tmp_path / "s" / f"{name}.yaml").write_text(text, "utf-8")
        return load((tmp_path / "s").relative_to(tmp_path), None, secrets=True)

    return written


def said(loaded):
    return [(str(p.span), p.message, p.help) for p in loaded.problems]


@pytest.mark.parametrize(
    ("named", "encoded"),
    [
        (None, ROWS.encode()),
        (None, ROWS.encode("utf-8-sig")),
        ("utf-8", ROWS.encode("utf-8-sig")),
        (None, ROWS.encode("utf-16")),
        (None, codecs.BOM_UTF16_BE + ROWS.encode("utf-16-be")),
        ("utf-16-le", ROWS.encode("utf-16-le")),
        ("utf-16-le", ROWS.encode("utf-16")),
        ("cp1252", ROWS.encode("cp1252")),
        ("mac-roman", ROWS.encode("mac-roman")),
    ],
)
def test_a_file_is_read_in_its_encoding(spec, named, encoded):
    yaml = SPEC.replace("    key", f"    encoding: {named}\n    key") if named else SPEC
    loaded = spec(encoded, yaml)
    assert loaded.problems == ()
    assert [str(s.address) for s in loaded.specs] == [
        "account/customers:Fjäll Öl",
        "contact/customers:1",
    ]
    assert loaded.specs[1].data["LastName"] == "Ångström"


@pytest.mark.parametrize("delimiter", [";", "\\t", "|"])
def test_a_file_is_read_with_its_delimiter(spec, delimiter):
    yaml = SPEC.replace("    key", f'    delimiter: "{delimiter}"\n    key')
    written = delimiter.replace("\\t", "\t")
    assert len(spec(ROWS.replace(",", written).encode(), yaml).specs) == 2


def test_what_is_not_the_encoding_is_pointed_at(spec):
    assert said(spec(ROWS.encode("cp1252"))) == [
        (
            "s/customers.csv:2:5",
            "byte 0xE4 is not UTF-8",
            "save the file as UTF-8, or name its `encoding` in the roster",
        )
    ]
    yaml = SPEC.replace("    key", "    encoding: utf-16\n    key")
    ((place, _, _),) = said(spec(ROWS.encode("utf-16")[:-1], yaml))
    assert place == "s/customers.csv:2:27"


def test_a_file_that_is_not_there_is_told_with_those_that_are(spec):
    assert said(spec(ROWS.encode(), SPEC.replace("file: customers", "file: custmers"))) == [
        (
            "s/people.yaml:3:11",
            "`s/custmers.csv` cannot be read: No such file or directory",
            "CSV files there: `customers.csv`",
        )
    ]


def test_a_file_is_named_by_the_environment(spec):
    yaml = SPEC.replace("customers.csv", '"{{ vars.who }}.csv"')
    (environment := spec(ROWS.encode()).folder / "environments").mkdir()
    (environment / "local.yaml").write_text("org: {login: local}\nvars: {who: customers}\n")
    assert spec(ROWS.encode(), yaml).problems == ()


def test_the_same_roster_in_two_files_is_told_once(spec):
    assert said(spec(ROWS.encode(), more=SPEC)) == [
        ("s/people.yaml:2:3", "`customers` is declared twice", "give one of them another name")
    ]


def test_a_row_and_a_resource_of_one_key_are_told(spec):
    more = "contacts: {'customers:1': {LastName: A, Email: b@x.io}}"
    assert said(spec(ROWS.encode(), more=more)) == [
        (
            "s/customers.csv:2:1",
            "`customers:1` is declared twice",
            "keep one of them, or give the other one another key",
        )
    ]


def test_two_rows_for_one_record_are_told_at_their_cells(spec):
    rows = ROWS + "2,Fjäll Öl,Roe,A@x.io\n"
    ((place, message, _),) = said(spec(rows.encode()))
    assert place == "s/customers.csv:3:16"
    assert (
        message
        == "`contact/customers:2` and `contact/customers:1` would be the same record, matched by `Email`"
    )


def test_a_resource_can_name_a_row_and_a_row_a_resource(spec):
    yaml = SPEC.replace("contact: {", "contact: {reports_to: boss, ")
    more = "contacts: {boss: {LastName: A, Email: b@x.io, account: 'customers:Fjäll Öl'}}"
    loaded = spec(ROWS.encode(), yaml, more=more)
    assert loaded.problems == ()
    boss, one = (s for s in loaded.specs if s.address.kind == "contact")
    assert boss.data["account"] == one.data["account"] == "customers:Fjäll Öl"
    wrong = spec(
        ROWS.encode(), SPEC.replace("contact: {", "contact: {reports_to: bos, "), more=more
    )
    assert [(p, m) for p, m, _ in said(wrong)] == [
        ("s/people.yaml:6:27", "`contact/bos` is not declared in any spec")
    ]


def test_rows_are_resources_like_any_other(spec, tmp_path):
    loaded = spec(ROWS.encode())
    with open_org(loaded.environment.login, tmp_path / "home") as org:
        planned = workflow.plan(loaded, org)
        assert {r.outcome for r in executor.apply(planned, org)} == {Outcome.DONE}
        assert workflow.plan(loaded, org).plan.steps == ()
        changed = spec(ROWS.replace("Ångström", "Øre").encode())
        (step,) = workflow.plan(changed, org).plan.steps
        assert [(f.name, f.before, f.after, str(f.span)) for f in step.change.fields] == [
            ("LastName", "Ångström", "Øre", "s/customers.csv:2:12")
        ]
        assert step.matched_by == "Email within its account"


def test_a_refusal_of_salesforce_names_the_cell(spec, tmp_path):
    """The local org refuses an e-mail address that the schema lets through."""
    rows = ROWS.replace("a@x.io", "a@x..io")
    loaded = spec(rows.encode())
    assert loaded.problems == ()
    with open_org(loaded.environment.login, tmp_path / "home") as org:
        results = list(executor.apply(workflow.plan(loaded, org), org))
    assert [(r.outcome, r.code, str(r.span)) for r in results[1:]] == [
        (Outcome.FAILED, "INVALID_EMAIL_ADDRESS", "s/customers.csv:2:21")
    ]
