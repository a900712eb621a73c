"""Who may log in, with which password, and what is recorded about it."""
