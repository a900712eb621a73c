"""What README says is what happens: its commands, their output, its spec and its environment."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
COMMAND = Path(sys.executable).with_name("provisioner")
SCHEMA_LINE = "# yaml-language-server: $schema=../../schemas/spec.schema.json\n"


def fenced(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def without_ids(text):
    """Every local org has an Id of its own, and so has every run."""
    return re.sub(r"(?<=Report of the run: )\S+", "report", re.sub(r"\b00DLo\w+", "00D", text))


def run(*arguments, home, cwd=ROOT):
    return subprocess.run(
        [COMMAND, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "PROVISIONER_HOME": str(home), "HOME": str(home)},
        stdin=subprocess.DEVNULL,
        timeout=120,
        check=False,
    )


def test_the_first_command_prints_what_readme_shows(tmp_path):
    (shown,) = fenced("text")
    line = next(c for c in fenced("sh") if "apply" in c)
    arguments = shlex.split(line.partition("provisioner ")[2])
    done = subprocess.run(
        [COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PROVISIONER_HOME": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0
    assert without_ids(done.stdout) == without_ids(shown)


def test_the_second_command_is_the_one_that_ci_runs():
    assert [c for c in fenced("sh") if "pytest" in c] == [
        "python3 -m pip install -q uv && python3 -m uv run -q pytest -n auto\n"
    ]
    assert "README.md" in (ROOT / ".ci" / "run").read_text("utf-8")


@pytest.mark.parametrize("row", re.findall(r"^\| `provisioner (.+?)` \|", README, re.MULTILINE))
def test_every_command_of_the_table_is_there(row, tmp_path):
    words = re.sub(r"\[.*?\]", "", row).split()
    shown = run(*words, "--help", home=tmp_path)
    assert shown.returncode == 0, shown.stderr
    for option in re.findall(r"\[(--[a-z-]+)", row):
        assert option in shown.stdout


def test_the_spec_and_the_environment_of_readme_are_valid(tmp_path):
    spec, environment = fenced("yaml")
    folder = tmp_path / "acme"
    (folder / "environments").mkdir(parents=True)
    (folder / "portal.yaml").write_text(spec, "utf-8")
    (folder / "environments" / "production.yaml").write_text(environment, "utf-8")
    shown = run("validate", str(folder), "--env", "production", home=tmp_path)
    assert (shown.returncode, shown.stderr) == (0, "")


def test_a_new_portal_of_readme_is_applied(tmp_path):
    spec, _ = fenced("yaml")
    folder = tmp_path / "acme"
    (folder / "environments").mkdir(parents=True)
    (folder / "portal.yaml").write_text(spec, "utf-8")
    (folder / "environments" / "local.yaml").write_text(
        "org: {login: local}\nvars: {domain: acme.example, suffix: test}\n", "utf-8"
    )
    done = run("apply", str(folder), "--auto-approve", home=tmp_path / "home")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_decision_has_a_reason():
    rows = re.findall(r"^\| (D\d+) \| (.+) \| (.+) \|$", README, re.MULTILINE)
    assert [r[0] for r in rows] == [f"D{n}" for n in range(1, len(rows) + 1)]
    assert all(decision and reason for _, decision, reason in rows)
