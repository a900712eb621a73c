"""The package: its name, what it declares to need, and how the documents install it."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
NEEDS = {
    canonicalize_name(need.name): need.specifier
    for need in map(Requirement, PROJECT["dependencies"])
}
# The last version with a known advisory, as named beside each minimum in pyproject.toml.
ADVISORIES = {
    "cryptography": "49.9.9",  # before 50.0.0: CVE-2026-69247
    "flask": "3.1.2",
    "jinja2": "3.1.5",
    "lxml": "6.0.4",
    "pyjwt": "2.14.9",  # before 2.15.0: CVE-2026-101918
    "pyyaml": "5.3.1",
    "requests": "2.32.5",
    "urllib3": "2.7.0",
    "waitress": "3.0.0",
    "werkzeug": "3.1.5",
}


def imported():
    """The top-level names that the package imports and that are not Python's own."""
    names = set()
    for file in (ROOT / "provisioner").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module)
    tops = {name.partition(".")[0] for name in names}
    return tops - sys.stdlib_module_names - {"provisioner", "__future__"}


def test_the_distribution_is_not_named_as_another_project_on_the_index():
    assert PROJECT["name"] == "portal-provisioner"
    assert list(PROJECT["scripts"]) == ["provisioner"]
    assert version("portal-provisioner") == PROJECT["version"]


def test_every_imported_library_is_declared():
    distributions = packages_distributions()
    optional = {
        canonicalize_name(Requirement(need).name)
        for needs in PROJECT["optional-dependencies"].values()
        for need in needs
    }
    for name in sorted(imported()):
        provided_by = {canonicalize_name(one) for one in distributions[name]}
        assert provided_by & (NEEDS.keys() | optional), f"`{name}` is imported and not declared"


@pytest.mark.parametrize(("name", "vulnerable"), ADVISORIES.items())
def test_no_version_with_a_known_advisory_is_accepted(name, vulnerable):
    assert vulnerable not in NEEDS[name]
    assert version(name) in NEEDS[name]


INSTALL = re.compile(
    r"""\b(?:pip3?|pipx|uv\ tool|uv\ pip|uvx|pipx\ run)\s+(?:install|run)?\b([^`\n;&|]*)""",
    re.VERBOSE,
)


def test_no_document_or_script_installs_from_an_index_by_name():
    """`provisioner` on the index is another project, and nothing is released as ours yet."""
    tracked = subprocess.check_output(("git", "ls-files", "-z"), cwd=ROOT, text=True).split("\0")
    wrong = []
    for name in filter(None, tracked):
        path = ROOT / name
        if name == "uv.lock" or path == Path(__file__) or not path.is_file():
            continue
        text = path.read_bytes().decode("utf-8", "replace")
        for line in text.splitlines():
            for arguments in INSTALL.findall(line):
                wrong += [
                    (name, line) for word in arguments.split() if _by_name(word.strip("'\","))
                ]
    assert wrong == []


def _by_name(word):
    """Whether an argument names our package, or what looks like it, on an index."""
    return re.fullmatch(r"(portal[-_.])?provisioner(\[.*\])?([=<>~!].*)?", word) is not None


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("pip install provisioner", True),
        ("python3 -m pip install -q 'provisioner[otel]'", True),
        ("pip install portal-provisioner==0.1.0", True),
        ("uv tool install provisioner", True),
        ("pipx run provisioner plan", True),
        ("uvx provisioner plan", True),
        ("pip install -q uv && .uv/bin/uv run provisioner plan", False),
        ("pip install --no-deps --no-index ./tool", False),
    ],
)
def test_an_install_by_name_is_recognized(line, wrong):
    words = [w.strip("'\",") for found in INSTALL.findall(line) for w in found.split()]
    assert any(map(_by_name, words)) is wrong


def test_what_pipelines_install_is_what_the_lock_file_has():
    """To write it: the command below with `-o .github/actions/setup/requirements.txt`."""
    export = (
        "export --locked --quiet --no-dev --group build --no-emit-project --no-header --no-annotate"
    )
    uv = os.environ.get("UV") or shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
    command = [uv, *export.split(), "--format", "requirements-txt"]
    exported = subprocess.check_output(command, cwd=ROOT, text=True)
    kept = (ROOT / ".github" / "actions" / "setup" / "requirements.txt").read_text("utf-8")
    assert kept == exported
    assert kept.count("==") == len(re.findall(r"^\S+==", kept, re.MULTILINE))
    for need in re.split(r"\n(?=\S)", kept.strip()):
        assert "--hash=sha256:" in need
