"""The examples of `provisioner help CODE`: each spec has the problem whose code it explains."""

import re

import pytest

from provisioner.cli.help import load_codes
from provisioner.plan import make
from provisioner.spec.load import load

from .test_mistakes import START

BLOCK = re.compile(r"```(?:yaml|csv)(?: (\S+))?\n(.*?)```", re.DOTALL)
EXAMPLES = {code: BLOCK.findall(text) for code, text in load_codes().items()}


@pytest.mark.parametrize("code", [code for code, blocks in EXAMPLES.items() if blocks])
def test_the_example_of_a_code_has_that_problem(code, portal, tmp_path, monkeypatch):
    monkeypatch.delenv("NO_SUCH_TOKEN", raising=False)
    folder = tmp_path / "example"
    for name, text in EXAMPLES[code]:
        file = folder / (name or "portal.yaml")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    loaded = load(folder, None, secrets=code == "missing-secret")
    problems = loaded.problems
    if not any(problem.code == code for problem in problems):
        portal.apply(START)
        problems = make.plan(loaded, portal.org).plan.problems
    assert code in {problem.code for problem in problems}


def test_most_codes_have_an_example_that_runs():
    assert sum(map(bool, EXAMPLES.values())) >= 70


def test_every_explanation_has_a_meaning_an_example_and_a_fix():
    for code, text in load_codes().items():
        title, meaning, *_ = text.split("\n\n")
        assert title == f"## {code}"
        assert meaning[0].isupper() or meaning[0] == "`"
        assert "```" in text
        assert re.search(r"\n\nFix: \S.*[.\"]\s*$", text, re.DOTALL), code
