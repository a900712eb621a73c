"""Rosters: CSV files, and the accounts, contacts and users that each row declares."""
