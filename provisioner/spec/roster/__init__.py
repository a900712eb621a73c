"""Rosters: CSV files, and the accounts, contacts and users that their rows declare.

A change belongs here if it concerns how a row becomes resources.
"""
