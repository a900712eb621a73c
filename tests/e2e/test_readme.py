"""What README says is what happens: its commands, their output, its spec and its environment."""

import os
import re
import shlex
import shutil
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


def test_readme_is_short():
    assert len(README.splitlines()) <= 150


def test_the_first_command_prints_what_readme_shows(tmp_path):
    """README shows a part of the output; the whole is in `help getting-started`."""
    (text,) = fenced("text")
    line = next(c for c in fenced("sh") if "apply" in c)
    arguments = shlex.split(line.partition("provisioner ")[2])
    done = run(*arguments, home=tmp_path)
    assert done.returncode == 0
    printed = iter((done.stdout + done.stderr).splitlines())
    shown = [line for line in text.splitlines() if line != "..."]
    assert all(line in printed for line in shown), shown


def test_the_second_command_is_the_one_that_ci_runs():
    assert [c for c in fenced("sh") if "pytest" in c] == [
        "python3 -m venv .uv && .uv/bin/pip install -q uv && .uv/bin/uv run -q --locked pytest -n auto\n"
    ]
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    (extract,) = re.findall(r"test_command=\$\((.+)\)\n", script)
    found = subprocess.run(
        ["bash", "-c", extract], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout in fenced("sh")


@pytest.mark.skipif(not os.environ.get("CI"), reason="takes a minute and a package index: for CI")
def test_both_commands_work_with_the_systems_python_in_an_empty_home(tmp_path):
    clone, home = tmp_path / "clone", tmp_path / "home"
    home.mkdir()
    tracked = ("git", "ls-files", "-co", "--exclude-standard", "-z")
    for name in subprocess.check_output(tracked, cwd=ROOT, text=True).split("\0"):
        if (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, clone / name)
    subprocess.run(["git", "init", "-q"], cwd=clone, check=True)
    subprocess.run(["git", "add", "-A"], cwd=clone, check=True)
    # The settings of the package index of this machine, and caches, to be fast.
    caches = Path.home() / ".cache"
    environ = {"UV_CACHE_DIR": str(caches / "uv"), "PIP_CACHE_DIR": str(caches / "pip")}
    environ |= {
        name: value
        for name, value in os.environ.items()
        if re.match(
            r"(PIP|UV(?!_INTERNAL|_RUN)|SSL|REQUESTS)_|(https?|no)_proxy$", name, re.IGNORECASE
        )
    }
    environ |= {"PATH": "/usr/bin:/bin", "HOME": str(home)}
    # A few tests stand for all of them, which would try this test once more.
    environ["PYTEST_ADDOPTS"] = "tests/unit/plan/test_order.py tests/unit/model/test_canonical.py"
    apply, test = (line.strip() for line in fenced("sh") if line.startswith("python3 -m venv"))
    for command, said in (
        (apply, "In sync: a second plan is empty."),
        (test, " passed"),
        (apply, "Log in to Acme Customer Portal: http://127.0.0.1:"),
        (test, " passed"),
    ):
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=clone,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert said in done.stdout
    config = (clone / ".venv" / "pyvenv.cfg").read_text("utf-8")
    assert "home = /usr/bin\n" in config
    status = ("git", "status", "--porcelain", "--untracked-files=all")
    changed = subprocess.check_output(status, cwd=clone, text=True).splitlines()
    assert [line for line in changed if not line.startswith("A  ")] == []
    written = {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()}
    assert all(name.startswith((".cache/", ".local/state/provisioner/")) for name in written)


TABLE = re.findall(r"^\| (`.+`) \| (.+) \|$", README, re.MULTILINE)
ROWS = [
    row.removeprefix("provisioner ") for cell, _ in TABLE for row in re.findall("`(.+?)`", cell)
]


@pytest.mark.parametrize("row", ROWS)
def test_every_command_of_the_table_is_there(row, tmp_path):
    words = re.sub(r"\[.*?\]| [A-Z]+\b.*", "", row).split()
    shown = run(*words, "--help", home=tmp_path)
    assert shown.returncode == 0, shown.stderr


def test_the_table_has_every_command(tmp_path):
    shown = run("--help", home=tmp_path).stdout
    commands = re.findall(r"^  ([a-z]+)  +[a-z]", shown, re.MULTILINE)
    assert len(commands) > 10
    assert {row.split()[0] for row in ROWS} == set(commands)


def test_every_option_of_the_table_is_there(tmp_path):
    for cell, text in TABLE:
        for option in re.findall(r"--[a-z-]+", text):
            command = re.search(r"provisioner ([a-z]+)", cell)[1]
            assert option in run(command, "--help", home=tmp_path).stdout


def test_the_files_that_readme_names_exist():
    names = re.findall(r"\]\(([^)]+)\)", README)
    assert len(names) > 4
    assert [name for name in names if not (ROOT / name).exists()] == []


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
