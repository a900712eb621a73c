"""A sample of what `python3 tests/fuzz/specs.py` runs: no traceback, no hang, no problem without a place."""

from __future__ import annotations

import importlib.util
from pathlib import Path

SPEC = importlib.util.spec_from_file_location("fuzz_specs", Path(__file__).with_name("specs.py"))
specs = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(specs)


def test_random_specs_end_in_problems_with_places(monkeypatch):
    for name, value in specs.ENVIRON.items():
        monkeypatch.setenv(name, value)
    counts, failures, _ = specs.run(10_000, seed=2026)
    assert failures == []
    assert counts["with problems"] > 5_000
    assert counts["without problems"] > 200


def test_the_same_seed_gives_the_same_specs():
    assert specs.spec(7, seed=1) == specs.spec(7, seed=1) != specs.spec(8, seed=1)
