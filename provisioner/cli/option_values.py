"""What the values of options mean: each function reads one text, or says why it can not."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from datetime import date, timedelta
from typing import Final

from provisioner.cli.formats import ENDINGS

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def day(text: str) -> date:
    """A day such as 2026-12-31."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"`{text}` is not a day such as 2026-12-31") from None


def commit(text: str) -> str:
    """The full hash of a commit: an abbreviation may come to mean another one."""
    if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", text):
        raise ArgumentTypeError(f"`{text}` is not the full hash of a commit")
    return text


def duration(text: str) -> timedelta:
    """A time such as 30m, 12h or 7d."""
    found = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if not found:
        raise ArgumentTypeError(f"`{text}` is not a time such as 30m, 12h or 7d")
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])


def seconds(text: str) -> float:
    """A number of seconds, less than a million."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1_000_000:
        raise ArgumentTypeError(f"`{text}` is no number of seconds")
    return seconds


def count(text: str) -> int:
    """A number from 0 on."""
    if not text.isdecimal():
        raise ArgumentTypeError(f"`{text}` is not a number")
    return int(text)


def port(text: str) -> int:
    """A port, where 0 is any."""
    if not text.isdecimal() or int(text) > 65535:
        raise ArgumentTypeError(f"`{text}` is not a port: 0 (any) to 65535")
    return int(text)


def address(text: str) -> str:
    """An IP address, as it is written shortest."""
    import ipaddress

    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ArgumentTypeError(f"`{text}` is no IP address") from None


def report_file(name: str) -> str:
    """The name of a report, which says its format by its ending."""
    if not name.endswith(tuple(ENDINGS)):
        raise ArgumentTypeError(f"`{name}` ends with none of {', '.join(ENDINGS)}")
    return name


def seats(text: str) -> tuple[str, int]:
    """A licence and its number of seats, such as `Customer Community=500`."""
    name, sign, number = text.rpartition("=")
    if not (sign and name.strip() and number.isascii() and number.isdigit() and len(number) < 8):
        raise ArgumentTypeError(f"`{text}` is not of the form LICENCE=N")
    return name.strip(), int(number)
