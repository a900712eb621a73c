"""How long Salesforce may take to act on a request, and how long we wait for it.

Change a time limit here. Every limit that a test would have to wait for is read through `Timing`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from provisioner.model.hosts import is_loopback

SCALE = "PROVISIONER_TIME_SCALE"
"""For tests only: multiplies every limit below, on an org on this machine and on no other."""

_SHORTEST = 6.0


@dataclass(frozen=True, slots=True)
class Timing:
    """The time limits that apply to one org, all in seconds.

    `unsettled`: for so long after a request was lost, Salesforce may still act on it. A REST or
    SOAP call runs for at most 10 minutes. (Salesforce Developer Limits and Allocations Quick
    Reference, "API Request Limits and Allocations")
    `wait`: for so long a run waits for the effect of a lost request before it reports the outcome
    as unknown.
    `read`: for so long a response may send nothing.
    `beat`: the lease is renewed this often; after `stale` without a renewal its holder is dead.
    """

    unsettled: float = 600.0
    wait: float = 60.0
    read: float = 120.0
    connect: float = 10.0
    beat: float = 30.0
    stale: float = 120.0
    scale: float = 1.0

    def times(self, seconds: float) -> float:
        """Another duration in seconds, scaled in the same way."""
        return seconds * self.scale


def timing_for(url: str) -> Timing:
    """The time limits for the org at `url`."""
    factor = _factor(url)
    if factor == 1.0:
        return Timing()
    plain = Timing()
    # A busy machine needs some seconds for an answer, whatever the scale.
    return Timing(
        unsettled=plain.unsettled * factor,
        wait=plain.wait * factor,
        read=max(plain.read * factor, _SHORTEST),
        beat=max(plain.beat * factor, _SHORTEST / 4),
        stale=max(plain.stale * factor, _SHORTEST),
        scale=factor,
    )


def _factor(url: str) -> float:
    text = os.environ.get(SCALE)
    if not text or not is_loopback(url):
        return 1.0
    try:
        factor = float(text)
    except ValueError:
        return 1.0
    return factor if 0 < factor <= 1 else 1.0
