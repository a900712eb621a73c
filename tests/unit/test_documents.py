"""The documents for people who change the code: the code map, the decisions and the words."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ROOT / "provisioner"
CONTRIBUTING = (ROOT / ".github" / "CONTRIBUTING.md").read_text("utf-8")


def section(title):
    return re.search(rf"^##+ {title}\n(.*?)(?=^## |\Z)", CONTRIBUTING, re.MULTILINE | re.DOTALL)[1]


def test_the_code_map_has_every_package_with_the_first_line_of_its_docstring():
    table = section("Code map").partition("| folder |")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", table, re.MULTILINE)
    packages = {file.parent.name: file for file in PRODUCT.glob("*/__init__.py")}
    documented = {
        name: ast.get_docstring(ast.parse(file.read_text("utf-8"))).partition("\n")[0]
        for name, file in packages.items()
    }
    assert dict(rows) == documented


def test_the_folders_of_the_code_map_exist():
    folders = re.findall(r"^\| `([\w/]+)` \| ", section("Code map"), re.MULTILINE)
    assert [f for f in folders if not (ROOT / f).exists() and not (PRODUCT / f).exists()] == []


def test_every_decision_has_a_number_and_a_reason_unless_it_is_replaced():
    rows = re.findall(r"^\| (D\d+) \| (.+?) \| ?(.*?) ?\|$", section("Decisions"), re.MULTILINE)
    numbers = [number for number, _, _ in rows]
    assert numbers == [f"D{n}" for n in range(1, len(rows) + 1)]
    for _, decision, reason in rows:
        replaced = re.match(r"Replaced by (D\d+)\.", decision)
        assert replaced[1] in numbers if replaced else reason
