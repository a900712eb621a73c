"""A page layout: only the fields that a spec names are managed."""
