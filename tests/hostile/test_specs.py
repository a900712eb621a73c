"""Specs, rosters and environments that somebody hostile wrote: each ends in a diagnostic at its place.

A row has what is written and the codes with the places (`line:column`) of all that is reported.
"""

from __future__ import annotations

import io
import os
import time
from pathlib import Path

import pytest

from provisioner.render import diagnostics
from provisioner.spec.load import NoSpecError, load

ENVIRON = {
    "REGION": "eu-central-4711",
    "DOMAIN": "domain-4711.example",
    "THE_KEY": "key-0815-4711",
    "JANES": "janes-password-1",
    "SHORT": "abc",
    "UNLISTED": "unlisted-4711",
}
# The longest that one row may take, on a machine that does much else.
DEADLINE = 5.0


@pytest.fixture
def found(tmp_path, monkeypatch):
    """What is wrong with a spec: `code file:line:column` of each problem, in order."""
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PROVISIONER_SECRETS_DIR", raising=False)
    (tmp_path / "repository" / ".git").mkdir(parents=True)
    folder = tmp_path / "repository" / "specs" / "acme"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)

    def read(files, environment=None):
        for name, text in files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text if isinstance(text, bytes) else text.encode())
        started = time.process_time()
        loaded = load(Path(), environment, secrets=environment is not None)
        assert time.process_time() - started < DEADLINE
        assert all(p.span for p in loaded.problems), loaded.problems
        said = "\n".join(f"{p.message} {p.help} {p.notes}" for p in loaded.problems)
        assert not any(value in said for value in ENVIRON.values() if len(value) > 4)
        return [f"{p.code} {p.span}" for p in loaded.problems]

    return read


# ---------------------------------------------------------------- templates

LIST = "vars: {deep: {items: [1, 2]}, text: abc, empty: ''}\norg: {login: local}\n"

TEMPLATES = {
    # Padding, and texts that are multiplied.
    "text times number": ("{{ 'x' * 999999999 }}", "template-limit"),
    "number times text": ("{{ 999999999 * 'x' }}", "template-limit"),
    "text times twice": ("{{ 'x' * 100000 * 100000 }}", "template-limit"),
    "list times number": ("{{ [0] * 999999999 }}", "template-limit"),
    "tuple times number": ("{{ (0, 1) * 999999999 }}", "template-limit"),
    "power": ("{{ 9 ** 9 ** 9 }}", "template"),
    "power of powers": ("{{ 2 ** 2 ** 2 ** 2 ** 2 ** 2 }}", "template"),
    "product of many digits": ("{{ " + " * ".join(["9" * 90] * 20) + " }}", "template-limit"),
    "center filter": ("{{ 'x' | center(999999999) }}", "template-limit"),
    "center by name": ("{{ 'x' | center(width=999999999) }}", "template-limit"),
    "indent filter": ("{{ 'x' | indent(999999999, true) }}", "template-limit"),
    "indent with a text": ("{{ ('a\\n' * 60000) | indent('x' * 999) }}", "template-limit"),
    "wordwrap filter": ("{{ ('a ' * 60000) | wordwrap(1, true, 'x' * 999) }}", "template-limit"),
    "batch filter": ("{{ [1] | batch(999999999, 0) | list }}", "template-limit"),
    "slice filter": ("{{ [1] | slice(999999999) | list }}", "template-limit"),
    "round filter": ("{{ 1.5 | round(999999999, 'ceil') }}", "template-limit"),
    "tojson with an indent": ("{{ [1] | tojson(indent=999999999) }}", "template-limit"),
    "format filter": ("{{ '%999999999d' | format(1) }}", "template-limit"),
    "format with a star": ("{{ '%*d' | format(999999999, 1) }}", "template-limit"),
    "format with a precision": ("{{ '%.999999999f' | format(1.5) }}", "template-limit"),
    "percent operator": ("{{ '%999999999d' % 1 }}", "template-limit"),
    "percent operator with zeros": ("{{ '%0999999999d' % 1 }}", "template-limit"),
    "format method": ("{{ '{:999999999}'.format(1) }}", "template-limit"),
    "format method by argument": ("{{ '{:{}}'.format(1, 999999999) }}", "template-limit"),
    "format_map method": ("{{ '{a:999999999}'.format_map({'a': 1}) }}", "template-limit"),
    "format of many places": ("{{ ('%(a)s' * 20000) | format(a='x' * 9999) }}", "template-limit"),
    "ljust method": ("{{ 'x'.ljust(999999999) }}", "template-limit"),
    "rjust method": ("{{ 'x'.rjust(999999999) }}", "template-limit"),
    "center method": ("{{ 'x'.center(999999999) }}", "template-limit"),
    "zfill method": ("{{ 'x'.zfill(999999999) }}", "template-limit"),
    "expandtabs method": ("{{ '\\t'.expandtabs(999999999) }}", "template"),
    "translate method": ("{{ 'a'.translate({97: 'x' * 100000}) }}", "template"),
    "encode method": ("{{ 'a'.encode('utf-16') }}", "template"),
    "to_bytes method": ("{{ (5).to_bytes(999999999, 'big') }}", "template"),
    "replace method": ("{{ 'aaaa'.replace('a', 'a' * 99999) }}", "template-limit"),
    "replace of nothing": ("{{ ('a' * 9999).replace('', 'x' * 999) }}", "template-limit"),
    "replace filter": ("{{ ('a' * 9999) | replace('a', 'x' * 999) }}", "template-limit"),
    "replace again and again": (
        "{{ 'a'" + ".replace('a', 'aaaaaaaaaa')" * 12 + " }}",
        "template-limit",
    ),
    "join filter": ("{{ ('a' * 9999) | join('x' * 999) }}", "template-limit"),
    "join of a generator": (
        "{{ ('a' * 9999) | map('upper') | join('x' * 999) }}",
        "template-limit",
    ),
    "join method": ("{{ ('x' * 999).join('a' * 9999) }}", "template-limit"),
    # Loops, and what calls itself.
    "nested loops": (
        "{% for a in 'x' * 999 %}{% for b in 'x' * 999 %}{% endfor %}{% endfor %}",
        "template-limit",
    ),
    "loop with a long body": (
        "{% for a in 'x' * 9999 %}" + "y" * 999 + "{% endfor %}",
        "template-limit",
    ),
    "loop that writes": (
        "{% set t = 'x' * 999 %}{% for a in t %}{{ t }}{% endfor %}",
        "template-limit",
    ),
    "loop that compares": (
        "{% set t = 'x' * 99999 %}{% for a in t %}{% if t in t ~ 'y' %}{% endif %}{% endfor %}",
        "template-limit",
    ),
    "loop that filters": (
        "{% set t = 'x-' * 50000 %}{% for a in t %}{% if t | title | striptags %}{% endif %}{% endfor %}",
        "template-limit",
    ),
    "recursive loop": ("{% for x in [1, 2] recursive %}{{ loop([1, 2]) }}{% endfor %}", "template"),
    "recursive macro": ("{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}", "template"),
    "macro that doubles": (
        "{% macro f(s, n) %}{{ f(s ~ s, n - 1) if n else s }}{% endmacro %}{{ f('x', 99) }}",
        "template",
    ),
    "recursive block": ("{% block a %}{{ self.a() }}{{ self.a() }}{% endblock %}", "template"),
    "call block": ("{% call f() %}{% endcall %}", "template"),
    "include": ("{% include 'portal.yaml' %}", "template"),
    "include of a file": ("{% include '/etc/passwd' %}", "template"),
    "import": ("{% import '/etc/passwd' as p %}{{ p }}", "template"),
    "extends": ("{% extends '/etc/passwd' %}", "template"),
    "text that doubles": (
        "{% set a = 'xxxxxxxx' %}" + "{% set a = a ~ a %}" * 40 + "{{ a }}",
        "template-limit",
    ),
    "block that doubles": (
        "{% set a = 'xxxxxxxx' %}" + "{% set a %}{{ a }}{{ a }}{% endset %}" * 40 + "{{ a }}",
        "template-limit",
    ),
    "list that doubles": (
        "{% set a = [1] %}" + "{% set a = [a, a] %}" * 40 + "{{ a == 1 }}",
        "template-limit",
    ),
    "sum that doubles": (
        "{% set a = [1] %}" + "{% set a = a + a %}" * 40 + "{{ a == 1 }}",
        "template-limit",
    ),
    "mapping that doubles": (
        "{% set a = {'k': 1} %}" + "{% set a = {'k': a, 'l': a} %}" * 40 + "{{ a == 1 }}",
        "template-limit",
    ),
    "list of lists as a value": (
        "{{ [[[[[[1] * 99] * 99] * 99] * 99] * 99] * 99 }}",
        "template-limit",
    ),
    "nested deeply": ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "template-limit"),
    "nested lists": ("{{ " + "[" * 90 + "]" * 90 + " }}", "template-limit"),
    "many operators": ("{{ 1" + " + 1" * 20000 + " }}", "template-limit"),
    "many filters": ("{{ 'x'" + " | upper" * 20000 + " }}", "template-limit"),
    "long template": ("{{ vars.text }}" + "x" * 200_000, "template-limit"),
    "many names": ("{{ vars.text }} " * 9000, "template-limit"),
    # Python behind the sandbox.
    "class": ("{{ ''.__class__ }}", "template"),
    "class by an item": ("{{ ''['__class__'] }}", "template"),
    "class by the attr filter": ("{{ '' | attr('__class__') }}", "template-syntax"),
    "class by the map filter": ("{{ [''] | map(attribute='__class__') | list }}", "template"),
    "class by a format": ("{{ '{0.__class__}'.format('') }}", "template"),
    "globals of a filter": ("{{ lipsum.__globals__ }}", "undefined-name"),
    "the template itself": ("{{ self._TemplateReference__context }}", "undefined-name"),
    "cycler": ("{{ cycler('a') }}", "undefined-name"),
    "range": ("{{ range(10 ** 9) }}", "template"),
    "append to shared values": ("{{ vars.deep['items'].append(3) }}", "template"),
    "clear shared values": ("{{ vars.deep['items'].clear() }}", "template"),
    "update of shared values": ("{{ vars.deep.update({'items': 1}) }}", "undefined-name"),
    "update of all names": ("{{ vars.update({'x': 1}) }}", "undefined-name"),
    "random": ("{{ [1, 2] | random }}", "template-syntax"),
    "debug": ("{% debug %}", "template-syntax"),
    # Values that cannot be stored.
    "infinite number": ("{{ 1e400 }}", "template-limit"),
    "number that becomes infinite": ("{{ 1e308 * 10 }}", "template"),
    "no number": ("{{ 'nan' | float }}", "template"),
    "number of many digits": ("{{ " + "9" * 5000 + " }}", "template-limit"),
    "hexadecimal number": ("{{ 0x" + "f" * 5000 + " }}", "template-limit"),
    "number by a filter": ("{{ ('9' * 4000) | int }}", "template-limit"),
    "NUL": ("{{ '\\x00' }}", "template"),
    "escape": ("a{{ '\\x1b' }}[31m", "template"),
    "C1": ("{{ '\\x9b' }}31m", "template"),
    "surrogate": ("{{ '\\ud800' }}", "template"),
    "bytes": ("{{ 'x' | list | map('string') }}", "template"),
    "key that is no text": ("{{ {1: 2} }}", "template"),
    # `env`.
    "env as a whole": ("{{ env }}", "template"),
    "env in a list": ("{{ [env] }}", "template"),
    "env in a loop": ("{% for name in env %}{{ name }}{% endfor %}", "template"),
    "env as items": ("{{ env | items | list }}", "template"),
    "env as JSON": ("{{ env | tojson }}", "template"),
    "env by another name": ("{% set e = env %}{{ e.REGION }}", "template"),
    "env by a name that is computed": ("{{ env['REG' ~ 'ION'] }}", "template"),
    "env that is not listed": ("{{ env.UNLISTED }}", "undefined-name"),
    "env by an item": ("{{ env['UNLISTED'] }}", "undefined-name"),
    "env that is the login's secret": ("{{ env.THE_KEY }}", "secret-name"),
    "env that is a user's password": ("{{ env.JANES }}", "secret-name"),
    "masked in upper case": ("{{ env.REGION | upper }}", "masked-value"),
    "masked in part": ("{{ env.REGION[:3] }}", "masked-value"),
    "masked by its letters": ("{{ env.REGION[0] }}", "masked-value"),
    "masked that is compared": ("{{ env.REGION == 'eu' }}", "masked-value"),
    "masked that is ordered": ("{{ env.REGION < 'f' }}", "masked-value"),
    "masked that is searched": ("{{ 'eu' in env.REGION }}", "masked-value"),
    "masked in a list that is searched": ("{{ 'eu' in [env.REGION] }}", "masked-value"),
    "masked that is tested": ("{{ env.REGION is string }}", "masked-value"),
    "masked by its length": ("{{ env.REGION | length }}", "masked-value"),
    "masked in a loop": ("{% for c in env.REGION %}{{ c }} {% endfor %}", "masked-value"),
    "masked in a condition": ("{% if env.REGION %}x{% endif %}", "masked-value"),
    "masked that is replaced": ("{{ 'abc' | replace('b', env.REGION) }}", "masked-value"),
    "masked that is joined": ("{{ [env.REGION] | join }}", "masked-value"),
    "masked that is sorted": ("{{ [env.REGION, 'a'] | sort | first }}", "masked-value"),
    "masked as a key": ("{{ {env.REGION: 1} }}", "masked-value"),
    "masked as JSON": ("{{ [env.REGION] | tojson }}", "template"),
    "masked in a format": ("{{ '%.2s' % env.REGION }}", "masked-value"),
    "masked in a format method": ("{{ '{:.2}'.format(env.REGION) }}", "masked-value"),
    "masked by a variable": ("{% set x %}{{ env.REGION }}{% endset %}{{ x[:2] }}", "masked-value"),
    "masked by a filter block": (
        "{% filter upper %}{{ env.REGION }}{% endfilter %}",
        "masked-value",
    ),
    "masked that is multiplied": ("{{ env.REGION * 2 }}", "masked-value"),
    "masked that is added": ("{{ env.REGION + 'x' }}", "masked-value"),
    "masked by the environment's variables": ("{{ vars.region | upper }}", "masked-value"),
}

PRODUCTION = """\
env: [REGION, {name: DOMAIN, plain: true}]
org: {login: access_token, instance_url: https://acme.my.salesforce.com, token: {env: THE_KEY}}
vars: {deep: {items: [1, 2]}, text: "%s", region: "{{ env.REGION }}"}
""" % ("abc" * 100)
PASSWORD = "users: {jane: {Username: j@x.io, profile: P, contact: {find: {Name: J}}, on_create: {password: {env: JANES}}}}\n"


@pytest.mark.parametrize("name", TEMPLATES)
def test_template(name, found):
    template, code = TEMPLATES[name]
    text = template.replace("\\", "\\\\").replace('"', '\\"')
    files = {
        "accounts.yaml": f'accounts:\n  a:\n    Name: A\n    Description: "{text}"\n',
        "users.yaml": PASSWORD,
        "environments/production.yaml": PRODUCTION,
    }
    (problem,) = found(files, "production")
    said, _, place = problem.partition(" accounts.yaml:4:")
    assert said == code
    assert int(place) >= 18


# ---------------------------------------------------------------- YAML

USER = "users: {jane: {Username: j@x.io, profile: P, contact: {find: {Name: J}}, %s}}\n"
PEOPLE = "accounts: {a: {Name: A}}\ncontacts: {c: {LastName: C, %s}}\n"

SPECS = {
    "number that is infinite": (
        "accounts: {a: {Name: A, AnnualRevenue: 1e400}}",
        ["yaml-number 1:40"],
    ),
    "number of 5,000 digits": (
        f"accounts: {{a: {{Name: A, AnnualRevenue: {'9' * 5000}}}}}",
        ["yaml-number 1:40"],
    ),
    "hexadecimal number": (
        f"accounts: {{a: {{Name: A, AnnualRevenue: 0x{'f' * 5000}}}}}",
        ["yaml-number 1:40"],
    ),
    "number of 400 digits": (
        f"accounts: {{a: {{Name: A, AnnualRevenue: {'9' * 400}}}}}",
        ["yaml-number 1:40"],
    ),
    "no number": ("accounts: {a: {Name: A, AnnualRevenue: .nan}}", ["yaml-number 1:40"]),
    "infinity": ("accounts: {a: {Name: A, AnnualRevenue: -.inf}}", ["yaml-number 1:40"]),
    "key that is infinite": ("accounts: {1e400: {Name: A}}", ["yaml-key 1:12"]),
    "NUL in the file": ("accounts: {a: {Name: A\x00}}", ["yaml-character 1:23"]),
    "NUL by an escape": ('accounts: {a: {Name: "A\\0"}}', ["yaml-character 1:22"]),
    "NUL in a key": ('accounts: {"a\\0": {Name: A}}', ["yaml-character 1:12"]),
    "NUL in a field": ('accounts: {a: {Name: A, "X\\0__c": A}}', ["yaml-character 1:25"]),
    "escape by an escape": ('accounts: {a: {Name: "A\\e[31m"}}', ["yaml-character 1:22"]),
    "C1 by an escape": ('accounts: {a: {Name: "A\\x9b31m"}}', ["yaml-character 1:22"]),
    "surrogate": ('accounts: {a: {Name: "\\ud800"}}', ["yaml-syntax 1:25"]),
    "many control characters": ("a: " + "\x01" * 100_000, ["yaml-character 1:4"]),
    "alias bomb": (
        "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(
            f"{b}: &{b} [{', '.join(['*' + a] * 10)}]\n"
            for a, b in zip("abcdefgh", "bcdefghi", strict=True)
        ),
        ["unknown-field 1:1", "yaml-alias 1:4", "unknown-field 2:1"],
    ),
    "alias of itself": ("accounts: &a {a: *a}", ["yaml-alias 1:11", "wrong-type 1:11"]),
    "merge of itself": ("accounts: &a {<<: *a}", ["yaml-merge 1:11"]),
    "merge of a text": ("accounts: {<<: x}", ["yaml-merge 1:16"]),
    "nested deeply": ("a: " + "[" * 100_000, ["yaml-depth 1:53"]),
    "nested by indentation": ("\n".join(" " * i + "a:" for i in range(3000)), ["yaml-depth 51:51"]),
    "tag of Python": (
        "accounts: !!python/object/apply:os.system ['true']",
        ["yaml-tag 1:11", "wrong-type 1:11"],
    ),
    "binary tag": ("accounts: {a: {Name: !!binary aGk=}}", ["yaml-tag 1:22", "wrong-type 1:22"]),
    "second document": ("a: 1\n---\nb: 2\n", ["yaml-syntax 2:1"]),
    "many repeated keys": ("accounts:\n" + "  a: {Name: A}\n" * 2_000, ["duplicate-key 3:3"]),
    "many unknown fields": (
        "accounts: {a: {Name: A}}\n" + "".join(f"x{i}: 1\n" for i in range(1000)),
        ["unknown-field 2:1", "unknown-field 3:1", "unknown-field 4:1"],
    ),
    "long key": ("accounts: {" + "k" * 100_000 + ": {Name: A}}", ["yaml-syntax 1:100012"]),
    "long name": ("accounts: {a: {Name: " + "n" * 1_000_000 + "}}", ["too-long 1:22"]),
    "on_create that is a number": (USER % "on_create: 5", ["wrong-type 1:85"]),
    "on_create that is a list": (USER % "on_create: []", ["wrong-type 1:85"]),
    "on_create that is a template": (USER % "on_create: '{{ 5 }}'", ["wrong-type 1:85"]),
    "password that is a number": (USER % "on_create: {password: 12345678}", ["wrong-value 1:96"]),
    "password in the file": (USER % "on_create: {password: hunter2-4711}", ["wrong-value 1:96"]),
    "password with another key": (
        USER % "on_create: {password: {hunter2-4711: x}}",
        ["unknown-field 1:96"],
    ),
    "password from a variable with a bad name": (USER % "on_create: {password: {env: 'a b'}}", []),
    "password from a listed variable": (USER % "on_create: {password: {env: REGION}}", []),
    "contact that is a list": (
        USER.replace("{find: {Name: J}}", "[a]") % "IsActive: true",
        ["wrong-type 1:55", "unknown-reference 1:56"],
    ),
    "contact that is a number": (
        USER.replace("{find: {Name: J}}", "5") % "IsActive: true",
        ["wrong-type 1:55"],
    ),
    "contact that finds a list": (
        USER.replace("{Name: J}", "{Name: [J]}") % "IsActive: true",
        ["wrong-type 1:69"],
    ),
    "account that finds nothing": (
        PEOPLE % "account: {find: {}}",
        ["no-identity 2:12", "wrong-value 2:45"],
    ),
    "account that is true": (PEOPLE % "account: true", ["no-identity 2:12", "wrong-type 2:38"]),
    "field that is a list": (PEOPLE % "Email: [a@b.io]", ["wrong-type 2:36"]),
    "field with another case": (PEOPLE % "lastname: X, Email: a@b.io", ["unknown-field 2:29"]),
    "section that is a list": ("accounts: [a]", ["wrong-type 1:11"]),
    "section that is a text": ("rosters: x", ["wrong-type 1:10"]),
    "file that is a text": ("nothing", ["wrong-type 1:1"]),
    "file that is a list": ("[1]", ["wrong-type 1:1"]),
    "identity that is a list": ("identity: {Account: [a]}", ["wrong-type 1:21"]),
    "verify of nobody": ("verify: {nobody: {password: {env: JANES}}}", ["unknown-reference 1:10"]),
    "verify that is a number": ("verify: {jane: 5}", ["wrong-type 1:16"]),
    "settings that are a number": ("settings: {OrgSettings: 5}", ["wrong-type 1:25"]),
    "portal with a number for a profile": ("portals: {P: {profiles: [5]}}", ["wrong-type 1:26"]),
    "layout without a dash": ("layouts: {Contact: {fields: {}}}", ["wrong-key 1:11"]),
    "UTF-16": ("a: 1".encode("utf-16"), ["encoding 1:1"]),
    "bytes that are no text": (b"a: \xff\xfe\n", ["encoding 1:4"]),
    "template in a key": ("accounts: {'{{ env.REGION }}': {Name: A}}", ["template-key 1:12"]),
    "one key with a template": (
        "contacts: {c: {LastName: '{{ vars }}', Email: a@b.io}}",
        ["wrong-type 1:26"],
    ),
}


@pytest.mark.parametrize("name", SPECS)
def test_spec(name, found):
    text, expected = SPECS[name]
    assert first(found({"spec.yaml": text})) == expected


def first(problems):
    """The first few of the problems."""
    return [problem.replace(" spec.yaml:", " ") for problem in list(problems)[:3]]


# ---------------------------------------------------------------- environments

LOGIN = "org: {login: access_token, instance_url: https://acme.my.salesforce.com, token: {env: THE_KEY}}\n"

ENVIRONMENTS = {
    "the login's secret is listed": ("env: [THE_KEY]\n" + LOGIN, ["secret-name 1:7"]),
    "a user's password is listed": ("env: [JANES]\n" + LOGIN, ["secret-name 1:7"]),
    "the login's secret is listed as plain": (
        "env: [{name: THE_KEY, plain: true}]\n" + LOGIN,
        ["secret-name 1:14"],
    ),
    "a listed name is a template": (
        "env: ['{{ env.REGION }}']\n" + LOGIN,
        ["wrong-value 1:7", "undefined-name 1:11"],
    ),
    "a listed name is all names": ("env: ['*']\n" + LOGIN, ["wrong-value 1:7"]),
    "the list is true": ("env: true\n" + LOGIN, ["wrong-type 1:6"]),
    "the list is a mapping": ("env: {REGION: plain}\n" + LOGIN, ["wrong-type 1:6"]),
    "a listed name is a number": ("env: [5]\n" + LOGIN, ["wrong-value 1:7"]),
    "plain is a text": ("env: [{name: REGION, plain: 'yes'}]\n" + LOGIN, ["wrong-type 1:29"]),
    "a masked value is short": ("env: [SHORT]\n" + LOGIN, ["masked-value 1:7"]),
    "a variable reads what is not listed": (
        LOGIN + "vars: {a: '{{ env.UNLISTED }}'}\n",
        ["undefined-name 2:15"],
    ),
    "a variable reads the login's secret": (
        LOGIN + "vars: {a: '{{ env.THE_KEY }}'}\n",
        ["secret-name 2:15"],
    ),
    "a variable reads all": (LOGIN + "vars: {a: '{{ env }}'}\n", ["template 2:11"]),
    "the address reads the login's secret": (
        "org: {login: access_token, instance_url: 'https://{{ env.THE_KEY }}.my.salesforce.com', token: {env: THE_KEY}}\n",
        ["secret-name 1:54"],
    ),
    "the address is masked": (
        "env: [DOMAIN]\norg: {login: access_token, instance_url: 'https://{{ env.DOMAIN }}', token: {env: THE_KEY}}\n",
        ["masked-value 2:42"],
    ),
    "the login is the secret": (
        "org: {login: '{{ env.THE_KEY }}', token: {env: THE_KEY}}\n",
        ["secret-name 1:18"],
    ),
    "the token is in the file": (
        "org: {login: access_token, instance_url: https://acme.my.salesforce.com, token: 00D-4711}\n",
        ["wrong-type 1:81"],
    ),
    "the token is the name of a variable": (
        "org: {login: access_token, instance_url: https://acme.my.salesforce.com, token: {env: '00D!4711'}}\n",
        ["missing-secret 1:81"],
    ),
    "the secret is a file of the repository": (
        "org: {login: access_token, instance_url: https://acme.my.salesforce.com, token: {file: portal.yaml}}\n",
        ["missing-secret 1:81"],
    ),
    "the secret is a file of the system": (
        "org: {login: access_token, instance_url: https://acme.my.salesforce.com, token: {file: /etc/passwd}}\n",
        ["missing-secret 1:81"],
    ),
    "the secret is the process": (
        "org: {login: access_token, instance_url: https://acme.my.salesforce.com, token: {file: /proc/self/environ}}\n",
        ["missing-secret 1:81"],
    ),
    "the secret is a device": (
        "org: {login: access_token, instance_url: https://acme.my.salesforce.com, token: {file: /dev/zero}}\n",
        ["missing-secret 1:81"],
    ),
    "the secret leads out of its folder": (
        "org: {login: access_token, instance_url: https://acme.my.salesforce.com, token: {file: ../../etc/passwd}}\n",
        ["missing-secret 1:81"],
    ),
    "the secret has a NUL in its name": (
        'org: {login: access_token, instance_url: https://acme.my.salesforce.com, token: {file: "a\\0b"}}\n',
        ["missing-secret 1:81", "yaml-character 1:88"],
    ),
    "the address is in plain http": (
        "org: {login: access_token, instance_url: http://acme.example, token: {env: THE_KEY}}\n",
        ["wrong-value 1:42"],
    ),
    "the policy is infinite": (
        LOGIN + "policy: {max_changes: 1e400}\n",
        ["yaml-number 2:23", "wrong-type 2:23"],
    ),
    "the policy is a mapping of lists": (
        LOGIN + "policy: {min_licences_left: {a: [1]}}\n",
        ["wrong-type 2:33"],
    ),
    "the time zone is a path": (
        LOGIN + "policy: {windows: [{time_zone: ../../etc/passwd}]}\n",
        ["unknown-time-zone 2:32"],
    ),
    "the org is a text": ("org: local\n", ["wrong-type 1:6"]),
    "the file is empty": ("", ["wrong-type 1:1"]),
    "the file is a list": ("[]", ["wrong-type 1:1"]),
}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_environment(name, found):
    text, expected = ENVIRONMENTS[name]
    files = {"users.yaml": PASSWORD, "environments/production.yaml": text}
    problems = found(files, "production")
    assert first(p.replace(" environments/production.yaml:", " ") for p in problems) == expected


@pytest.mark.parametrize(
    "name",
    [
        "../production",
        "a/../b",
        "/etc/passwd",
        "a/b",
        "",
        ".",
        "..",
        "a\0b",
        "a\nb",
        "-e",
        "x" * 200,
    ],
)
def test_name_of_an_environment(name, found):
    with pytest.raises(NoSpecError, match="is not the name of an environment"):
        found({"accounts.yaml": "accounts: {a: {Name: A}}\n"}, name)


# ---------------------------------------------------------------- rosters

ROSTER = """\
rosters:
  r:
    file: %s
    key: "{{ row.Key }}"
    contact: {LastName: "{{ row.Last }}", Email: "{{ row.Email }}"}
"""
DATA = ROSTER % "r.csv"
WIDE = ",".join(f"c{i}" for i in range(100_000))

ROSTERS = {
    "control character": (
        DATA,
        "Key,Last,Email\n1,D\x07oe,a@b.io\n",
        ["control-character r.csv:2:3"],
    ),
    "NUL": (DATA, "Key,Last,Email\n1,Doe\x00,a@b.io\n", ["control-character r.csv:2:3"]),
    "NUL in the header": (
        DATA,
        "Key,Last,Em\x00ail\n1,Doe,a@b.io\n",
        ["control-character r.csv:1:10"],
    ),
    "C1": (DATA, "Key,Last,Email\n1,\x9b31m,a@b.io\n", ["control-character r.csv:2:3"]),
    "escape in quotes": (
        DATA,
        'Key,Last,Email\n1,"a\n\x1b[31m",a@b.io\n',
        ["control-character r.csv:2:3"],
    ),
    "a file of another encoding": (
        DATA,
        "Key,Last,Email\n1,Dö,a@b.io\n".encode("latin-1"),
        ["encoding r.csv:2:4"],
    ),
    "a header of 100,000 columns": (
        DATA,
        f"{WIDE}\n",
        ["undefined-name 4:14", "undefined-name 5:29", "undefined-name 5:54"],
    ),
    "100,000 columns and a row": (
        DATA,
        f"Key,Last,Email,{WIDE}\n1,Doe,a@b.io{',x' * 100_000}\n",
        [],
    ),
    "100,000 columns of one name": (
        DATA,
        "Key,Last,Email" + ",c" * 100_000 + "\n",
        ["duplicate-column r.csv:1:18"],
    ),
    "100,000 cells in a row": (
        DATA,
        "Key,Last,Email\n1,Doe,a@b.io" + ",x" * 100_000 + "\n",
        ["uneven-row r.csv:2:14"],
    ),
    "a cell of 10 MB": (
        DATA,
        "Key,Last,Email\n1," + "x" * 10_000_000 + ",a@b.io\n",
        ["too-long r.csv:2:3"],
    ),
    "a quoted cell of 10 MB": (
        DATA,
        'Key,Last,Email\n1,"' + "x\n" * 5_000_000 + '",a@b.io\n',
        ["too-long r.csv:2:3"],
    ),
    "a quote that is not closed": (
        DATA,
        'Key,Last,Email\n1,"' + "x\n" * 500_000,
        ["csv-syntax r.csv:2:3"],
    ),
    "text after a quote": (DATA, 'Key,Last,Email\n1,"x"y,a@b.io\n', ["csv-syntax r.csv:2:6"]),
    "no columns": (DATA, "\n\n", ["no-header r.csv:1:1"]),
    "an empty file": (DATA, "", ["no-header r.csv:1:1"]),
    "two rows of one key": (
        DATA,
        "Key,Last,Email\n1,A,a@b.io\n1,B,b@b.io\n",
        ["duplicate-key r.csv:3:1"],
    ),
    "a key of two lines": (DATA, 'Key,Last,Email\n"1\n2",A,a@b.io\n', ["wrong-key r.csv:2:1"]),
    "a whole row as the contact": (
        DATA.replace('{LastName: "{{ row.Last }}", Email: "{{ row.Email }}"}', "'{{ row }}'"),
        "Key,Last,Email\n1,A,a@b.io\n",
        ["empty-roster 3:11", "wrong-type 5:14"],
    ),
    "a whole row as a field": (
        DATA.replace("{{ row.Last }}", "{{ row }}"),
        "Key,Last,Email\n1,A,a@b.io\n",
        ["wrong-type 5:25"],
    ),
    "a whole row as the key": (
        DATA.replace("{{ row.Key }}", "{{ row }}"),
        "Key,Last,Email\n1,A,a@b.io\n",
        ["wrong-key r.csv:2:1"],
    ),
    "a whole row as on_create": (
        DATA + "    user: {profile: P, Username: '{{ row.Email }}', on_create: '{{ row }}'}\n",
        "Key,Last,Email\n1,A,a@b.io\n",
        ["unknown-field 6:64"],
    ),
    "a number as on_create": (
        DATA
        + "    user: {profile: P, Username: '{{ row.Email }}', on_create: '{{ row.Key | int }}'}\n",
        "Key,Last,Email\n1,A,a@b.io\n",
        ["wrong-type r.csv:2:1"],
    ),
    "a list as the account": (
        DATA + "    account: ['{{ row.Key }}']\n",
        "Key,Last,Email\n1,A,a@b.io\n",
        ["wrong-type 6:14"],
    ),
    "a row that is multiplied": (
        DATA.replace("row.Last", "row.Last * 999999999"),
        "Key,Last,Email\n1,A,a@b.io\n",
        ["template-limit r.csv:2:3"],
    ),
    "a row that is repeated": (
        DATA.replace("{{ row.Last }}", "{{ row.Last }}" * 90),
        f"Key,Last,Email\n1,{'x' * 100_000},a@b.io\n",
        ["template-limit r.csv:2:3"],
    ),
    "a row that is repeated often": (
        DATA.replace("{{ row.Last }}", "{{ row.Last }}" * 900),
        f"Key,Last,Email\n1,{'x' * 100_000},a@b.io\n",
        ["template-limit r.csv:2:3"],
    ),
    "a file outside of the repository": (ROSTER % "../../../outside.csv", "", ["unreadable 3:11"]),
    "a file of the system": (ROSTER % "/etc/passwd", "", ["unreadable 3:11"]),
    "a device": (ROSTER % "/dev/zero", "", ["unreadable 3:11"]),
    "the process": (ROSTER % "/proc/self/environ", "", ["unreadable 3:11"]),
    "a folder": (ROSTER % ".", "", ["unreadable 3:11"]),
    "a file with a NUL in its name": (ROSTER % '"a\\0b.csv"', "", ["yaml-character 3:11"]),
    "a file that is a list": (ROSTER % "[r.csv]", "", ["wrong-type 3:11"]),
    "a file that is missing": (ROSTER % "x.csv", "", ["unreadable 3:11"]),
}


@pytest.mark.parametrize("name", ROSTERS)
def test_roster(name, found):
    text, rows, expected = ROSTERS[name]
    assert first(found({"spec.yaml": text, "r.csv": rows})) == expected


# ---------------------------------------------------------------- files


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("link.yaml", "/etc/passwd"),
        ("link.yaml", "/proc/self/environ"),
        ("link.yaml", "/dev/zero"),
        ("link.yaml", "../../../outside.yaml"),
        ("drift-ignore.yaml", "/etc/passwd"),
        ("environments/local.yaml", "/etc/passwd"),
        ("r.csv", "/etc/passwd"),
        ("r.csv", "/dev/zero"),
    ],
)
def test_link_that_leads_out_of_the_repository(name, target, found):
    Path("../../../outside.yaml").write_text("accounts: {a: {Name: outside-4711}}\n")
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).symlink_to(target)
    (problem,) = found({"spec.yaml": DATA if name == "r.csv" else "accounts: {a: {Name: A}}\n"})
    assert problem.startswith("unreadable ")


@pytest.mark.parametrize(
    "name", ["pipe.yaml", "drift-ignore.yaml", "environments/local.yaml", "r.csv"]
)
def test_pipe(name, found):
    Path(name).parent.mkdir(exist_ok=True)
    os.mkfifo(name)
    (problem,) = found({"spec.yaml": DATA if name == "r.csv" else "accounts: {a: {Name: A}}\n"})
    assert problem.startswith("unreadable ")


def test_link_inside_the_repository(found):
    Path("../outside").mkdir()
    Path("../outside/r.csv").write_text("Key,Last,Email\n1,Doe,a@b.io\n")
    Path("r.csv").symlink_to("../outside/r.csv")
    assert found({"spec.yaml": DATA}) == []


# ---------------------------------------------------------------- secrets that stand in a file

SECRET = "sEcret!4711"
USERS = "users: {jane: {Username: j@x.io, profile: P, contact: {find: {Name: J}}, on_create: {password: %s}}}\n"
TOKEN = "org: {login: access_token, instance_url: https://acme.my.salesforce.com, token: %s}\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(
            (file, text % secret)
            for file, text in (("users.yaml", USERS), ("environments/production.yaml", TOKEN))
            for secret in (
                SECRET,
                f"'{SECRET}'",
                f"[{SECRET}]",
                f"{{{SECRET}: x}}",
                f"{{{SECRET}}}",
                f"{{env: {SECRET}}}",
                f"{{env: [{SECRET}]}}",
                f"{{env: {{a: {SECRET}}}}}",
                f"{{env: JANES, other: {SECRET}}}",
                f"{{value: {SECRET}}}",
                f"'{{{{ {SECRET} }}}}'",
                f"'{{{{ x }}}}{SECRET}'",
                f"{SECRET}, more: 1",
                f"{SECRET}, Username: 1",
                f"{SECRET}, a: [",
                f"{SECRET}, a: \t*x",
            )
        ),
        (
            "environments/production.yaml",
            f"org:\n  login: jwt\n  private_key: |\n  -----BEGIN\n    {SECRET}\n   x\n",
        ),
        ("environments/production.yaml", f"org:\n  login: jwt\n  private_key: 'a\n    {SECRET}\n"),
        (
            "environments/production.yaml",
            f"org:\n  login: jwt\n  private_key: a\n    {SECRET}: b: c\n",
        ),
        ("verify.yaml", f"verify: {{jane: {{password: {SECRET}, new_password: {SECRET}}}}}\n"),
    ],
)
def test_no_secret_is_quoted(name, text, found, tmp_path):
    others = {"users.yaml": PASSWORD, "environments/production.yaml": TOKEN % "{env: THE_KEY}"}
    problems = found(others | {name: text}, "production")
    assert problems
    loaded = load(Path(), "production", secrets=True)
    shown = io.StringIO()
    diagnostics.write(loaded.problems, loaded.texts, shown)
    assert SECRET not in shown.getvalue()
    assert "4711" not in repr([(p.message, p.help, p.notes) for p in loaded.problems])
