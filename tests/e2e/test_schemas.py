"""`provisioner schema`: as text, as JSON Schema, as files for an editor; also from a bare wheel."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
NAMES = sorted(p.name.removesuffix(".schema.json") for p in (ROOT / "schemas").glob("*.json"))
UV = os.environ.get("UV") or shutil.which("uv")


def run(*arguments, command=BIN / "provisioner", cwd=ROOT, status=0):
    done = subprocess.run(
        [command, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin"},
        timeout=60,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout or done.stderr


def check_as_an_editor_does(folder, command):
    """Write the schemas, put the printed line into a spec, and check the spec by that line."""
    shutil.copytree(ROOT / "specs" / "acme", folder / "specs" / "acme")
    printed = run("schema", "--write", "editor/schemas", command=command, cwd=folder)
    lines = [line.strip() for line in printed.splitlines() if "yaml-language-server" in line]
    assert len(lines) == 2
    spec = folder / "specs" / "acme"
    files = (sorted(spec.glob("*.yaml")), sorted((spec / "environments").glob("*.yaml")))
    for line, group in zip(lines, files, strict=True):
        for file in group:
            schema = (file.parent / line.partition("$schema=")[2]).resolve()
            check = [BIN / "check-jsonschema", "--schemafile", schema]
            subprocess.run([*check, file], check=True, capture_output=True)
            wrong = folder / "wrong.yaml"
            wrong.write_text(file.read_text("utf-8") + "\nacounts: {}\n", "utf-8")
            done = subprocess.run([*check, wrong], check=False, capture_output=True, text=True)
            assert done.returncode == 1
            assert "acounts" in done.stdout


def test_the_list_names_every_schema():
    out = run("schema")
    assert [line.split()[0] for line in out.splitlines() if line.startswith("  ")] == NAMES
    listed = json.loads(run("schema", "--format", "json"))
    assert [entry["name"] for entry in listed] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_property_is_in_the_text_with_its_description(name):
    out = run("schema", name)
    schema = json.loads((ROOT / "schemas" / f"{name}.schema.json").read_text("utf-8"))
    for key, inner in schema.get("properties", {}).items():
        paragraph = out.partition(f"\n  {key}")[2].partition("\n\n")[0]
        assert paragraph, key
        if "description" in inner:
            assert inner["description"] in paragraph


@pytest.mark.parametrize("name", NAMES)
def test_the_json_is_a_schema_that_needs_no_other_file(name):
    schema = json.loads(run("schema", name, "--format", "json"))
    Draft202012Validator.check_schema(schema)
    if name == "spec":
        document = yaml.safe_load((ROOT / "specs" / "acme" / "portal.yaml").read_text("utf-8"))
        validator = Draft202012Validator(schema)
        assert list(validator.iter_errors(document)) == []
        document["accounts"] = {"acme": {"Name": "Acme", "Nmae": "Acme"}}
        assert [error.validator for error in validator.iter_errors(document)] == [
            "additionalProperties"
        ]


def test_an_unknown_schema_suggests_the_closest():
    assert run("schema", "contacts", status=1) == (
        "error: there is no schema `contacts`\n  = help: did you mean `contact`?\n"
    )


def test_an_editor_checks_files_by_the_written_schemas(tmp_path):
    check_as_an_editor_does(tmp_path, BIN / "provisioner")


@pytest.mark.skipif(
    not (os.environ.get("CI") and UV), reason="needs uv and a package index: for CI"
)
def test_a_bare_wheel_has_schemas_topics_and_codes(tmp_path):
    # Without the settings of the environment that these tests run in.
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("VIRTUAL_ENV", "PYTHON"))}
    subprocess.run(
        [UV, "build", "-q", "--wheel", "--out-dir", tmp_path, ROOT], check=True, env=environ
    )
    (wheel,) = tmp_path.glob("*.whl")
    subprocess.run([UV, "venv", "-q", tmp_path / "venv"], check=True, env=environ)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([UV, "pip", "install", "-q", "--python", python, wheel], check=True, env=environ)
    command = python.with_name("provisioner")
    (tmp_path / "work").mkdir()
    check_as_an_editor_does(tmp_path / "work", command)
    for topic in ("specs", "pipelines", "unknown-field"):
        out = run("help", topic, command=command, cwd=tmp_path)
        assert out == run("help", topic)
