"""Start-up: `--help` against a bare interpreter, and `validate` of 100 spec files.

Run with `uv run python tests/bench/startup.py`. Prints medians and ratios; asserts nothing.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 15
COMMAND = Path(sys.executable).with_name("provisioner")
LINE = "# yaml-language-server: $schema=../../schemas/spec.schema.json\n"


def median(*arguments, cwd=None):
    times = []
    for _ in range(RUNS + 1):
        start = time.perf_counter()
        subprocess.run(arguments, check=True, capture_output=True, cwd=cwd)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def spec_of(files, folder):
    for n in range(files):
        (folder / f"{n:03}.yaml").write_text(
            f"{LINE}accounts:\n  a{n}: {{Name: Account {n}, AccountNumber: '{n}'}}\n"
            f"contacts:\n  c{n}: {{account: a{n}, LastName: L{n}, Email: c{n}@x.example}}\n"
            f"users:\n  u{n}: {{contact: c{n}, profile: P, Username: 'u{n}@x.example'}}\n"
        )


def main():
    bare = median(sys.executable, "-c", "pass")
    with tempfile.TemporaryDirectory() as folder:
        spec_of(100, Path(folder))
        rows = [
            ("python -c pass", bare, ""),
            ("provisioner --help", median(COMMAND, "--help"), "5 times python -c pass"),
            ("validate, 100 files", median(COMMAND, "validate", folder), "0.5 s"),
        ]
    print(f"{'command':<22}{'median':>10}{'ratio':>8}  target")
    for name, seconds, target in rows:
        print(f"{name:<22}{seconds * 1000:>7.0f} ms{seconds / bare:>8.1f}  {target}")


if __name__ == "__main__":
    main()
