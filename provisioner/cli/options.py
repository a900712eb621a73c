"""What the frozen options of commands have in common, and how they are read from `argparse`.

Options that only one module uses are in that module, the others here. To add an option, add the
argument in `parser.py` or `arguments.py`, and a field with the same name to the dataclass.
"""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any, TypeVar

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class SpecOptions:
    """The folder of a spec and the environment. `None`: the only spec, the environment `local`."""

    spec: str | None = None
    env: str | None = None


@dataclass(frozen=True, kw_only=True)
class PlanningOptions(SpecOptions):
    """The options of every command that makes a plan."""

    target: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    policy: tuple[str, ...] = ()
    pin: bool = False
    allow_org: str | None = None
    no_email: bool = False


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """The format of stdout, and the files that the report is also written to."""

    format: str = "text"
    report: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FormatOptions:
    """The format of stdout."""

    format: str = "text"


@dataclass(frozen=True, kw_only=True)
class LogOptions:
    """What stderr shows (`text` or `json`), and the file that events are added to."""

    log_format: str = "text"
    log_file: str | None = None


@dataclass(frozen=True, kw_only=True)
class PlanOptions(PlanningOptions, ReportOptions):
    """The options of `plan`; `envs` are the environments of `--env`."""

    envs: tuple[str, ...] = ()
    verbose: bool = False
    out: str | None = None
    valid_for: timedelta = timedelta(days=7)
    commit: str | None = None
    detailed_exitcode: bool = False


@dataclass(frozen=True, kw_only=True)
class ApplyOptions(PlanningOptions):
    """The options of `apply`; `spec` is the folder of a spec or a saved plan."""

    expected_spec: str | None = None
    commit: str | None = None
    approval: tuple[str, ...] = ()
    auto_approve: bool = False
    verbose: bool = False
    verify_real_org: bool = False
    report: tuple[str, ...] = ()
    lease_wait: float = 0.0
    no_lease: bool = False
    settle_wait: float | None = None
    assume_settled: bool = False


def read(options: type[_T], arguments: Namespace) -> _T:
    """The parsed arguments as options: each field has the value of the argument of its name."""
    values = vars(arguments)
    names = [field.name for field in fields(options) if field.name in values]  # type: ignore[arg-type]
    return options(**{name: _frozen(values[name]) for name in names})


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
