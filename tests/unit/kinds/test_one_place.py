"""What the product knows about a kind is in `kinds/`: no other module compares or lists kinds."""

import ast
from pathlib import Path

import pytest

from provisioner.kinds import KINDS
from provisioner.kinds.metadata import MetadataKind

PRODUCT = Path(__file__).parents[3] / "provisioner"
NAMES = {
    name
    for kind in KINDS
    for name in (kind.name, kind.section, kind.sobject, getattr(kind, "type", None))
    if name
}
# Calls whose first argument names a kind or its object: outside `kinds/`, the kind gives it.
CALLED = {"Address", "Describe", "Newest", "ReadMetadata", "Select"}
# Words that a document, a command or a URL uses as a key beside others: no list of kinds.
ALLOWED = {
    # The options of commands by their argparse name, of which two name users.
    ("cli/completion.py", "user"),
    ("cli/completion.py", "users"),
}


def modules():
    """The modules of the product outside `kinds/`; the local org shares nothing with it."""
    for file in sorted(PRODUCT.rglob("*.py")):
        folder = file.relative_to(PRODUCT).parts[0]
        if folder not in ("kinds", "emulator"):
            yield file


def named(node):
    return isinstance(node, ast.Constant) and node.value in NAMES


def choosing(tree):
    """The names of kinds that a module compares with, lists, matches or has in a table."""
    for node in ast.walk(tree):
        match node:
            case ast.Compare():
                yield from filter(named, (node.left, *node.comparators))
            case ast.Tuple() | ast.List() | ast.Set():
                yield from filter(named, node.elts)
            case ast.Call(func=ast.Name(id=called), args=[first, *_]) if called in CALLED:
                yield from filter(named, (first,))
            case ast.MatchValue():
                yield from filter(named, (node.value,))
            case ast.Dict():
                yield from filter(named, node.values)
                # One key among others that are no kinds is a field of a document.
                mine = [key for key in node.keys if named(key)]
                if len(mine) > 1 or len(mine) == len(node.keys):
                    yield from mine


def found(source, place=""):
    return [
        f"{place}:{node.lineno}: {node.value}"
        for node in choosing(ast.parse(source))
        if (place, node.value) not in ALLOWED
    ]


def test_no_module_outside_kinds_chooses_or_lists_kinds():
    places = ((file, file.relative_to(PRODUCT).as_posix()) for file in modules())
    assert [line for file, place in places for line in found(file.read_text("utf-8"), place)] == []


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ('if kind == "user": pass', ["user"]),
        ('if "user" != address.kind: pass', ["user"]),
        ('if kind in ("account", "contact"): pass', ["account", "contact"]),
        ('SECTIONS = {"users": "user", "accounts": "account"}', ["user", "account", "users", "accounts"]),
        ('NATURAL = {"user": ("Username",)}', ["user"]),
        ('SOBJECTS = frozenset({"User"})', ["User"]),
        ('TYPES = ["Profile", "Portal"]', ["Profile", "Portal"]),
        ('match kind:\n    case "portal" | "layout": pass', ["portal", "layout"]),
        ('document = {"portal": name, "url": url}', []),
        ('select = Select("User", ("Id", "Name"))', ["User"]),
        ('address = Address("user", key)', ["user"]),
        ('print("user")', []),
    ],
)  # fmt: skip
def test_a_second_list_of_kinds_is_reported(source, names):
    assert sorted(line.rpartition(" ")[2] for line in found(source)) == sorted(names)


def test_every_kind_is_looked_for_by_all_of_its_names():
    assert len(KINDS) >= 7
    assert {"user", "users", "User", "settings", "Layout", "profiles"} <= NAMES
    assert all(k.type in NAMES for k in KINDS if isinstance(k, MetadataKind))
