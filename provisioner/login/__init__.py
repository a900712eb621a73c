"""Whether a user can log in to a portal, why not, and a real login that proves it."""
