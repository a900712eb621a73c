"""A profile: only the permissions that a spec names are managed."""
