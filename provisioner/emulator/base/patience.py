"""How long a job that nobody asks for may stay unfinished."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

PATIENCE: Final = timedelta(seconds=5)  # real ones start by themselves, too [V]; how soon: guess
