"""Specs, rosters and environments that somebody hostile wrote: each ends in a diagnostic at its place.

A row has what is written and the codes with the places (`line:column`) of all that is reported.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from provisioner.loader import load

ENVIRON = {
    "REGION": "eu-central-4711",
    "DOMAIN": "acme.example",
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
        started = time.monotonic()
        loaded = load(Path(), environment, secrets=environment is not None)
        assert time.monotonic() - started < DEADLINE
        assert all(p.span for p in loaded.problems), loaded.problems
        said = "\n".join(f"{p.message} {p.help} {p.notes}" for p in loaded.problems)
        assert not any(value in said for value in ENVIRON.values())
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
    # Values that can not be stored.
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
