"""Every code that the product can report is explained, and nothing else is."""

import ast
import re
from pathlib import Path

from provisioner.cli.help import load_codes
from provisioner.model.plan import EmailCause
from provisioner.render.findings import RULES

PRODUCT = Path(__file__).parents[3] / "provisioner"
CODE = re.compile(r"[a-z]+(-[a-z]+)*")
FILES = {
    file: ast.parse(file.read_text("utf-8"))
    for file in PRODUCT.rglob("*.py")
    if "emulator" not in file.parts
}


def constants():
    """The values of module constants that are texts, by name."""
    return {
        node.targets[0].id: node.value.value
        for tree in FILES.values()
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }


CONSTANTS = constants()


def positions():
    """Where a code is passed: {(file or None, name): position}; a function is used in its file.

    What `org`, `apply` and documents call a code is Salesforce's own, or one that was collected.
    """
    found = {}
    for file, tree in FILES.items():
        if file.parent.name in ("org", "apply"):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                names = [a.arg for a in node.args.args if a.arg not in ("self", "cls")]
                key = (file, node.name)
            elif isinstance(node, ast.ClassDef):
                fields = [b for b in node.body if isinstance(b, ast.AnnAssign)]
                names = [f.target.id for f in fields]
                key = (None, node.name)
            else:
                continue
            if "code" in names and not node.name.endswith(("Document", "StepResult", "StepEnded")):
                found[key] = names.index("code")
    return found


def email_causes():
    """The causes of emails that wait for which `plan.emails` makes a warning."""
    tree = FILES[PRODUCT / "plan" / "emails.py"]
    (function,) = (n for n in tree.body if getattr(n, "name", "") == "problems")
    for node in ast.walk(function):
        if isinstance(node, ast.MatchValue):
            yield EmailCause[node.value.attr].value


def collected():
    """The codes in the source: what is passed, or assigned, as a code."""
    taking = positions()
    assert taking[None, "Diagnostic"] == 0
    for file, tree in FILES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                at = taking.get((file, name), taking.get((None, name)))
                passed = [k.value for k in node.keywords if k.arg == "code"]
                if at is not None:
                    for argument in [*passed, *node.args[at : at + 1]]:
                        yield from codes(argument)
            elif isinstance(node, ast.Assign):
                yield from (code for value in assigned(node) for code in codes(value))


def codes(node):
    """The codes that an expression can be."""
    match node:
        case ast.Constant(value=str(code)):
            yield code
        case ast.IfExp():
            yield from codes(node.body)
            yield from codes(node.orelse)
        case ast.Name(id=name) if name in CONSTANTS:
            yield CONSTANTS[name]
        case ast.Attribute(value=ast.Name(id="cause"), attr="value"):
            yield from email_causes()
        case ast.Name(id="code") | ast.Attribute(attr="code"):
            pass  # passed on: it is collected where it begins
        case _:
            raise AssertionError(f"cannot tell which code this is: {ast.unparse(node)}")


def assigned(node):
    """What a statement assigns to the variable `code`, also in a tuple."""
    for target in node.targets:
        if isinstance(target, ast.Name) and target.id == "code":
            # In `org`, `apply` and `render` it is Salesforce's own code, or one passed on.
            if isinstance(node.value, ast.Constant):
                yield node.value
        elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            for name, value in zip(target.elts, node.value.elts, strict=True):
                if isinstance(name, ast.Name) and name.id == "code":
                    yield value


def test_every_code_is_explained_and_every_explanation_has_a_code():
    reported = {code for code in collected() if CODE.fullmatch(code)} | set(RULES)
    assert set(load_codes()) == reported
