"""The documents for people who change the code: the code map, the decisions and the words."""

import ast
import re
import tokenize
from pathlib import Path

import pytest

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


def words():
    """The words that the texts must not have, from the last column of the table of words."""
    rows = [row.strip("|").split("|") for row in section("Words").splitlines() if row[:2] == "| "]
    return sorted({word for row in rows[1:] for word in re.findall("`(.+?)`", row[-1])})


BANNED = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, words()))})(?![\w-])", re.IGNORECASE)
VAGUE = frozenset(re.findall("`([a-z]+)`", section("Words").partition("functions: ")[2])[:7])
SOURCES = [file for file in PRODUCT.rglob("*.py") if "emulator" not in file.parts]
TEXTS = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / ".github" / "SECURITY.md",
    *PRODUCT.glob("cli/topics/*.md"),
    *ROOT.glob("schemas/*.json"),
    *ROOT.glob("specs/**/*.yaml"),
]
# A name that reports have for notes about emails. It stays, since other programs read it.
STORED = "e-mail"


def texts_of(file):
    """The comments and texts of a module, each with its line."""
    with file.open("rb") as source:
        for token in tokenize.tokenize(source.readline):
            if (
                token.type in (tokenize.COMMENT, tokenize.STRING)
                or "FSTRING" in (tokenize.tok_name[token.type])
            ):
                text = token.string.replace(f'"{STORED}"', "")
                yield token.start[0], text


def is_document(node):
    bases = {base.id for base in node.bases if isinstance(base, ast.Name)}
    return node.name.endswith("Document") or "TypedDict" in bases


def test_the_words_are_read():
    assert {"mend", "can not", "known by"} <= set(words())
    assert {"found", "one", "given", "made", "wanted", "known", "said"} == VAGUE
    assert [m[0] for m in BANNED.finditer("It can not mend e-mails; amended.")] == [
        "can not",
        "mend",
        "e-mails",
    ]


@pytest.mark.parametrize("file", SOURCES, ids=lambda f: str(f.relative_to(PRODUCT)))
def test_no_text_of_the_product_has_a_banned_word(file):
    found = [(line, m[0]) for line, text in texts_of(file) for m in BANNED.finditer(text)]
    assert found == []


@pytest.mark.parametrize("file", TEXTS, ids=lambda f: str(f.relative_to(ROOT)))
def test_no_document_has_a_banned_word(file):
    lines = file.read_text("utf-8").replace(f'"{STORED}"', "").splitlines()
    assert [(n, m[0]) for n, line in enumerate(lines, 1) for m in BANNED.finditer(line)] == []


@pytest.mark.parametrize("file", SOURCES, ids=lambda f: str(f.relative_to(PRODUCT)))
def test_a_name_says_what_the_thing_is(file):
    tree = ast.parse(file.read_text("utf-8"))
    # The keys of documents are read by other programs.
    documents = [n for n in ast.walk(tree) if isinstance(n, ast.ClassDef) and is_document(n)]
    keys = {
        node.target
        for document in documents
        for node in document.body
        if isinstance(node, ast.AnnAssign)
    }
    names = [
        (node.lineno, getattr(node, "id", None) or node.arg)
        for node in set(ast.walk(tree)) - keys
        if isinstance(node, ast.arg)
        or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    ]
    vague = [(line, name) for line, name in names if name in VAGUE]
    assert vague == []
