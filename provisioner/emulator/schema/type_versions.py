"""Since which version of the Metadata API there is a type, for those that came after the oldest."""

from __future__ import annotations

from typing import Final

_SINCE: Final = {  # platform reference 1.4, 1.5 [V]; Metadata guide
    "CommunitiesSettings": 47,
    "DigitalExperience": 56,
    "DigitalExperienceBundle": 56,
    "DigitalExperienceConfig": 56,
    "ExperienceBundle": 46,
    "ExperienceBundleSettings": 46,
    "SiteDotCom": 30,
}


def knows(version: float, type_name: str) -> bool:
    """Whether a version of the API has a type."""
    return version >= _SINCE.get(type_name, 0)
