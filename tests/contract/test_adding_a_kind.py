"""Follow the section "Adding a kind" of the contributor guide in a copy of the repository.

The guide is the input: each block of code after the name of a file is written to that file, and each
`diff` block is applied to it.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / ".github" / "CONTRIBUTING.md"
COPIED = ("provisioner", "schemas", "specs", "tests/contract", "tests/unit/kinds")
BLOCK = re.compile(
    r"^(?:`(?P<path>[^`\n]+/[^`\n]+)`:\n\n)?```(?P<form>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
# What a kind consists of beside code: counted by the guide as data, not as product files.
DATA = re.compile(r"schemas/(?!spec\.)|specs/|tests/|provisioner/cli/topics/")


def section():
    text = GUIDE.read_text("utf-8")
    return text.partition("<!-- adding-a-kind -->")[2].partition("<!-- /adding-a-kind -->")[0]


def changes():
    """The blocks of the guide, each with the file that it is for."""
    path = None
    for block in BLOCK.finditer(section()):
        path = block["path"] or path
        assert path, "a block of code without a file"
        yield path, block["form"], block["text"]


def edited(text, hunk):
    """A text with a hunk of the guide applied, whose context is in one place."""
    lines = hunk.splitlines(keepends=True)
    assert {line[0] for line in lines} <= {" ", "+", "-"}
    before = "".join(line[1:] for line in lines if line[0] != "+")
    after = "".join(line[1:] for line in lines if line[0] != "-")
    assert text.count(before) == 1, f"not in one place: {before}"
    return text.replace(before, after)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the repository in which the guide was followed."""
    folder = tmp_path_factory.mktemp("repository")
    for name in COPIED:
        skip = shutil.ignore_patterns("__pycache__", "*.pyc")
        shutil.copytree(ROOT / name, folder / name, ignore=skip)
    shutil.copy(ROOT / "pyproject.toml", folder)
    for path, form, text in changes():
        file = folder / path
        if form == "diff":
            file.write_text(edited(file.read_text("utf-8"), text), "utf-8")
        else:
            assert not file.exists(), f"{path} is no new file"
            file.write_text(text, "utf-8")
    return folder


def run(folder, *arguments):
    """Run Python in the copy, with the product of the copy."""
    env = {**os.environ, "PYTHONPATH": str(folder), "PROVISIONER_HOME": str(folder / "home")}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def run_tests(folder, *arguments):
    """Run pytest in the copy: its status, and what it printed."""
    options = ("-o", "addopts=", "-p", "no:cacheprovider", "--import-mode=importlib", "-q")
    ran = run(folder, "-m", "pytest", *options, *arguments)
    return ran.returncode, ran.stdout + ran.stderr


def product_files():
    return {path for path, _, _ in changes() if not DATA.match(path)}


def test_the_guide_states_how_many_product_files_change():
    stated = re.search(r"<!-- files -->(\d+)<!-- /files -->", section())
    assert stated
    assert len(product_files()) == int(stated[1]) <= 6


def test_the_copy_runs_its_own_product(copy):
    ran = run(copy, "-c", "import provisioner; print(provisioner.__file__)")
    assert Path(ran.stdout.strip()).is_relative_to(copy), ran.stderr


TABLE = "tests/contract/cases/case.yaml"
CONVERGENCE = "tests/contract/test_convergence.py"


def test_the_convergence_table_of_the_new_kind_passes(copy):
    cases = (copy / TABLE).read_text("utf-8").count("- case: ")
    status, printed = run_tests(copy, CONVERGENCE, "-k", "case:")
    assert status == 0, printed
    assert f"\n{cases} passed" in printed


def test_the_new_kind_is_whole_and_in_one_place(copy):
    status, printed = run_tests(copy, "tests/unit/kinds")
    assert status == 0, printed


def test_the_example_of_the_new_kind_is_valid(copy):
    ran = run(copy, "-m", "provisioner", "validate", "specs/acme")
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_table_that_is_wrong_fails(copy, tmp_path):
    """The tests of the copy can fail."""
    other = tmp_path / "copy"
    shutil.copytree(copy, other)
    table = other / TABLE
    table.write_text(table.read_text("utf-8").replace("Web -> Phone", "Web -> Email"), "utf-8")
    status, printed = run_tests(other, CONVERGENCE, "-k", "case: and cleared and two")
    assert status == 1, printed
    assert "Web -> Phone" in printed
