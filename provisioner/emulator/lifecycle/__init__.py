"""The first day of an org, and the settings that are switched on once and for all."""
