"""Only the command line knows arguments and terminals, and `apply` reads from top to bottom."""

import ast
from pathlib import Path

import pytest

import provisioner

ROOT = Path(provisioner.__file__).parent
BELOW = ("apply", "drift", "plan", "login", "org", "spec", "kinds", "model")


def imports_and_names(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Import(names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module):
                yield module
            case ast.Attribute(ast.Name("sys"), attribute):
                yield f"sys.{attribute}"
            case ast.Call(ast.Name("print")):
                yield "print"


def commands_that_return(path):
    """The functions of a module with a status or something else as their result."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef) and isinstance(node.returns, ast.BinOp):
            parts = [part.strip() for part in ast.unparse(node.returns).split("|")]
            if "int" in parts and parts != ["int", "None"]:
                yield node.name


@pytest.mark.parametrize("package", BELOW)
def test_nothing_below_the_command_line_prints_or_parses_arguments(package):
    forbidden = {"argparse", "print", "sys.stdout", "sys.stderr", "sys.stdin", "sys.argv"}
    modules = list((ROOT / package).rglob("*.py"))
    assert modules
    used = {p.name: forbidden & set(imports_and_names(p)) for p in modules}
    assert {name: names for name, names in used.items() if names} == {}


def test_the_check_itself_finds_what_the_command_line_uses():
    assert "sys.stdout" in set(imports_and_names(ROOT / "cli" / "validate.py"))


def test_apply_is_one_function_that_fits_a_screen():
    text = (ROOT / "cli" / "apply.py").read_text("utf-8")
    assert len(text.splitlines()) < 80
    functions = [n.name for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef)]
    assert functions == ["apply"]


def test_no_function_returns_a_status_or_something_else():
    modules = (ROOT / "cli").glob("*.py")
    assert {p.name: names for p in modules if (names := list(commands_that_return(p)))} == {}


def test_one_place_catches_stop():
    caught = [
        path.name
        for path in (ROOT / "cli").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ExceptHandler) and node.type and "Stop" in ast.unparse(node.type)
    ]
    assert caught == ["output.py"]
