"""Carry a plan out, in batches and side by side, and say what became of every step."""

from provisioner.executor.run import Conduct, Unsettled, apply

__all__ = ["Conduct", "Unsettled", "apply"]
