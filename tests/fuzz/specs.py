"""Read many random specs: none may end in a traceback, a hang, or a problem without a place.

    python3 tests/fuzz/specs.py --count 200000

The specs are those below with random changes of their values, keys, text and rows. The same seed
always gives the same specs; `--only N` runs the one that failed again, and prints its files.
"""

from __future__ import annotations

import argparse
import copy
import io
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from provisioner.model import masking
from provisioner.render import diagnostics, report
from provisioner.render.validation import validation_document
from provisioner.spec.load import NoSpecError, load

HANG = 5

PORTAL = {
    "settings": {"OrgSettings": {"enableCustomerSuccessPortal": True}},
    "portals": {
        "Acme Portal": {
            "was": "Customer Portal",
            "type": "CustomerSuccess",
            "active": True,
            "admin": "admin@{{ vars.domain }}",
            "emailSenderAddress": "portal@acme.example",
            "isSelfRegistrationActivated": True,
            "profiles": ["Acme User"],
        }
    },
    "profiles": {
        "Acme User": {
            "clone_of": "High Volume Customer Portal",
            "description": "Customers of {{ vars.name | upper }}",
            "objectPermissions": {"Case": ["read", "create"]},
        }
    },
    "layouts": {
        "Contact-Contact Layout": {
            "fields": {"CanAllowPortalSelfReg": {"section": "Details", "behavior": "Edit"}}
        }
    },
    "identity": {"Account": "Portal_Key__c"},
}
PEOPLE = {
    "accounts": {
        "acme": {
            "Name": "Acme",
            "AccountNumber": "10001",
            "IsPartner": True,
            "owner": "admin@{{ vars.domain }}",
            "AnnualRevenue": 12.5,
        }
    },
    "contacts": {
        "jane": {
            "account": "acme",
            "LastName": "Doe",
            "Email": "jane@acme.example",
            "Region__c": "{{ env.REGION }}",
            "DoNotCall": False,
        },
        "john": {"account": {"find": {"AccountNumber": "7"}}, "LastName": "Roe", "was": "j@x.io"},
    },
    "users": {
        "jane": {
            "contact": "jane",
            "profile": "Acme User",
            "Username": "jane@acme.example.{{ vars.suffix }}",
            "on_create": {"password": "email"},
        },
        "john": {"remove": True, "Username": "john@acme.example"},
    },
    "verify": {"jane": {"password": {"env": "JANES"}, "objects": ["Case"]}},
}
ROSTER = {
    "rosters": {
        "customers": {
            "file": "customers.csv",
            "key": "{{ row.Number }}",
            "account": {
                "Name": "{{ row.Company }}",
                "AccountNumber": "{{ row['Company Number'] }}",
            },
            "contact": {
                "LastName": "{{ row.Last }}",
                "Email": "{{ row.Email | lower }}",
                "Phone": "{{ row.Phone }}",
            },
            "user": {
                "profile": "Acme User",
                "Username": "{{ row.Email }}.{{ vars.suffix }}",
                "IsActive": "{{ row.Active == 'yes' }}",
                "on_create": {"password": "email"},
            },
        }
    }
}
LOCAL = {
    "env": ["REGION", {"name": "DOMAIN", "plain": True}],
    "org": {"login": "local"},
    "vars": {
        "domain": "acme.example",
        "suffix": "portal",
        "name": "acme",
        "many": [1, {"a": None}],
    },
    "policy": {
        "max_changes": 5,
        "frozen": ["settings"],
        "windows": [{"days": ["mon"], "from": "09:00"}],
    },
}
IGNORED = {
    "ignore": [
        {"address": "contact/jane", "field": "Phone", "reason": "calls", "until": "2099-01-01"}
    ]
}
ROWS = """\
Number,Company,Company Number,Last,Email,Phone,Active
1,Globex,7,Doe,Doe@Globex.example,,yes
2,Globex,7,Roe,roe@globex.example,"+49 30, 1",no
3,"Initech, ""West"" ",8,Poe,poe@initech.example,1,yes
"""
ENVIRON = {"REGION": "eu-central-4711", "DOMAIN": "acme.example", "JANES": "janes-password-1"}

PARTS = [
    *(
        "vars.domain",
        "vars.many",
        "vars.none",
        "vars",
        "env.REGION",
        "env.DOMAIN",
        "env.HOME",
        "env",
    ),
    *("row", "row.Number", "row['Company Number']", "row.None", "'text'", "''", "1", "0", "1.5"),
    *("none", "true", "[]", "[1, 'a']", "{}", "{'a': 1}", "9" * 50, "1e400", "0xffff", "'\\x00'"),
    *("'\\u202e'", "loop.index", "self", "range", "'x' * 9999", "[1] * 99", "('a', 'b')"),
]
ENDS = [
    *(
        " | upper",
        " | lower",
        " | int",
        " | float",
        " | list",
        " | length",
        " | join(',')",
        " | join",
    ),
    *(
        " | default('d')",
        " | default(1, true)",
        " | map('upper')",
        " | map(attribute='a')",
        " | sort",
    ),
    *(" | center(80)", " | center(99999999)", " | indent(4)", " | replace('a', 'b')", " | tojson"),
    *(
        " | round(2)",
        " | batch(2)",
        " | first",
        " | string",
        " | title",
        " | wordwrap(5)",
        " | sum",
    ),
    *(" | unique", " | reverse", " | items", " | dictsort", " | groupby('a')", " | format(1)"),
    *(" * 3", " * 99999999", " ** 9", " ~ 'x'", " + 1", " % 2", " // 0", " == 'a'", " in 'abc'"),
    *(" is defined", " is string", "[0]", "[1:]", "['a']", ".upper()", ".split(',')", ".ljust(9)"),
    *(".format(1)", ".__class__", ".items()", ".append(1)", "(1)", " if true else 2", " and 1"),
]
BLOCKS = [
    *("{% for x in vars.many %}{{ x }}{% endfor %}", "{% if vars.name %}a{% else %}b{% endif %}"),
    *("{% set a = 'x' %}{{ a }}", "{% set a %}{{ env.REGION }}{% endset %}{{ a }}", "{# c #}"),
    *("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "{% raw %}{{ x }}{% endraw %}"),
    *(
        "{% include 'x' %}",
        "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{%",
        "{{",
        "}}",
    ),
    *("{% for a in 'x' * 999 %}{% for b in 'x' * 999 %}{% endfor %}{% endfor %}", "{% endif %}"),
]
VALUES = [
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        2**63,
        10**30,
        1e300,
        1.5,
        "",
        " ",
        "a",
        "email",
        "acme",
        "jane",
    ),
    *(
        "NO",
        "2024-01-01",
        "a@b.io",
        "a" * 300,
        "\u202e",
        "\x85",
        "é",
        "\U0001f600",
        "../x",
        "/dev/zero",
    ),
    *("/proc/self/environ", "customers.csv", "specs", ".", "Acme User", "00D000000000001", "a\nb"),
    *([], {}, [None], [[]], {"a": {}}, {"find": {}}, {"find": {"Name": "x"}}, {"env": "JANES"}),
    *({"file": "/etc/passwd"}, {"password": 5}, {"env": 5}, ["a", "a"], {"": ""}, {"section": "x"}),
]
TOKENS = [
    *(
        "!!binary a",
        "&a",
        "*a",
        "<<: *a",
        "? ",
        "- ",
        ": ",
        "|",
        ">",
        "%YAML 1.1",
        "---",
        "...",
        "'",
    ),
    *(
        '"',
        "[",
        "]",
        "{",
        "}",
        "\t",
        "\r",
        "\x00",
        "\x1b",
        "\x85",
        "\u2028",
        "\ufeff",
        "\ud7ff",
        "#",
    ),
    *("1e400", "9" * 5000, "0x" + "f" * 5000, ".inf", ".nan", "~", '"\\0"', '"\\ud800"', '"\\x9b"'),
    *("{{ 1 }}", "!", "@", "`", "é", "a: 1\na: 2\n", "[" * 60, ", ", "\n", " ", "  ", "__proto__"),
]


def spec(number: int, seed: int) -> dict[str, bytes]:
    """The files of one spec, by name."""
    choose = random.Random(f"{seed}/{number}")
    documents = {
        "portal.yaml": copy.deepcopy(PORTAL),
        "people.yaml": copy.deepcopy(PEOPLE),
        "roster.yaml": copy.deepcopy(ROSTER),
        "environments/local.yaml": copy.deepcopy(LOCAL),
        "drift-ignore.yaml": copy.deepcopy(IGNORED),
    }
    kept = choose.sample(sorted(documents), choose.choice((1, 3, 5, 5, 5, 5, 5, 5)))
    documents = {name: data for name, data in documents.items() if name in kept}
    # Without its environment not much of a spec is read.
    changed = [name for name in kept if not name.startswith("env") or choose.random() < 0.2] or kept
    for _ in range(choose.choice((1, 1, 1, 2, 3, 6))):
        name = choose.choice(changed)
        documents[name] = _changed(documents[name], choose)
    files = {
        name: _written(data, choose).encode("utf-8", "replace") for name, data in documents.items()
    }
    if "roster.yaml" in files:
        files["customers.csv"] = _rows(choose)
    return files


def _changed(data, choose):
    """The data with one change at a random place."""
    places = list(_places(data))
    path = choose.choice(places)
    value = _value(choose)
    if not path:
        return value if choose.random() < 0.1 else data
    inside = data
    for step in path[:-1]:
        inside = inside[step]
    match choose.randrange(6):
        case 0 if isinstance(inside, dict):
            inside[choose.choice([*TOKENS, "env", "find", "was", "remove", "vars"])] = value
        case 1 if isinstance(inside, dict):
            moved = inside.pop(path[-1])
            inside[_key(choose)] = moved
        case 2:
            del inside[path[-1]]
        case _:
            inside[path[-1]] = value
    return data


def _places(data, path=()):
    yield path
    items = (
        data.items()
        if isinstance(data, dict)
        else enumerate(data)
        if isinstance(data, list)
        else ()
    )
    for key, item in items:
        yield from _places(item, (*path, key))


def _key(choose):
    return choose.choice(
        ["", "a", " a ", "ä", "a/b", "a:b", "{{ vars.name }}", "\u202e", "a" * 300, "x\ny", "Name"]
    )


def _value(choose):
    match choose.randrange(4):
        case 0:
            return copy.deepcopy(choose.choice(VALUES))
        case 1:
            return choose.choice(BLOCKS) + choose.choice(["", "x", choose.choice(BLOCKS)])
        case _:
            inner = choose.choice(PARTS) + "".join(choose.choices(ENDS, k=choose.randint(0, 3)))
            around = choose.choice([("", ""), ("", ""), ("x", ""), ("", " "), ("a@", ".io")])
            return f"{around[0]}{{{{ {inner} }}}}{around[1]}"


def _written(data, choose) -> str:
    try:
        text = json.dumps(data, indent=choose.choice((None, 2)), ensure_ascii=choose.random() < 0.5)
    except ValueError:
        text = "a: 1\n"
    if choose.random() < 0.04:
        for _ in range(choose.choice((1, 1, 2, 8))):
            at = choose.randrange(len(text) + 1)
            text = text[:at] + choose.choice(TOKENS) + text[at + choose.choice((0, 0, 1, 9)) :]
    return text


def _rows(choose) -> bytes:
    text = ROWS
    for _ in range(choose.choice((0, 0, 1, 2))):
        at = choose.randrange(len(text) + 1)
        more = choose.choice(
            [*TOKENS, ",", ",,,,,,,,,", '""', "a" * 200_000, "\r\n", "\r", "x,y\n", _value(choose)]
        )
        text = text[:at] + str(more) + text[at + choose.choice((0, 0, 1, 20)) :]
    encoding = choose.choice(["utf-8"] * 8 + ["utf-16", "cp1252", "utf-8-sig"])
    return text.encode(encoding, "replace")


class HangError(Exception):
    """One spec takes longer than `HANG` seconds."""


def check(files: dict[str, bytes], folder: Path) -> str:
    """Read one spec, and show what is wrong with it; the word that counts it.

    Raises whatever the product raises, HangError, and AssertionError.
    """
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    masking.forget()
    started = time.monotonic()
    try:
        loaded = load(folder, "local" if "environments/local.yaml" in files else None, secrets=True)
    except NoSpecError:
        return "no spec"
    shown = io.StringIO()
    diagnostics.write(loaded.problems, loaded.texts, shown)
    view = validation_document(
        loaded.problems,
        spec="s",
        environment="local",
        files=loaded.texts,
        resources=len(loaded.specs),
    )
    text = shown.getvalue() + report.render(masking.masked(view), "json", "0")
    assert ENVIRON["REGION"] not in text, "a masked value is shown"
    assert ENVIRON["JANES"] not in text, "a secret is shown"
    assert text.replace("\n", "").isprintable(), "a control character is shown"
    for problem in loaded.problems:
        assert problem.span, f"no place: {problem}"
    seconds = time.monotonic() - started
    if seconds > HANG:
        raise HangError(f"{seconds:.1f} s")
    return "with problems" if loaded.problems else "without problems"


def run(
    count: int, seed: int, *, first: int = 0, tell=lambda text: None
) -> tuple[Counter, list[str], float]:
    """Check so many specs: the counts, the failures, and the seconds of the slowest."""
    counts, failures, slowest = Counter(), [], 0.0
    os.environ.update(ENVIRON)
    with tempfile.TemporaryDirectory(
        dir="/dev/shm" if Path("/dev/shm").is_dir() else None
    ) as scratch:
        folder = Path(scratch) / "acme"
        signal.signal(signal.SIGALRM, _ring)
        for number in range(first, first + count):
            started = time.monotonic()
            signal.setitimer(signal.ITIMER_REAL, 10 * HANG)
            try:
                counts[check(spec(number, seed), folder)] += 1
            except Exception as error:  # noqa: BLE001 - that is what is looked for
                counts["failed"] += 1
                last = traceback.extract_tb(error.__traceback__)[-1]
                failures.append(
                    f"{number}: {type(error).__name__} at {last.name}: {str(error)[:200]}"
                )
                tell(failures[-1])
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            slowest = max(slowest, time.monotonic() - started)
            if (number + 1) % 10_000 == 0:
                tell(f"{number + 1:,} specs: {dict(counts)}, slowest {slowest:.2f} s")
    return counts, failures, slowest


def _ring(*_: object) -> None:
    raise HangError("hangs")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int)
    options = parser.parse_args()
    if options.only is not None:
        for name, content in spec(options.only, options.seed).items():
            print(f"--- {name}\n{content.decode('utf-8', 'replace')}")
        with tempfile.TemporaryDirectory() as scratch:
            os.environ.update(ENVIRON)
            print(check(spec(options.only, options.seed), Path(scratch) / "acme"))
        return 0
    started = time.monotonic()
    counts, failures, slowest = run(
        options.count, options.seed, tell=lambda text: print(text, flush=True)
    )
    seconds = time.monotonic() - started
    print(f"{options.count:,} specs in {seconds:.0f} s, slowest {slowest:.2f} s: {dict(counts)}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
