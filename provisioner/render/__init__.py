"""Showing a finished document in every format: text, JSON, HTML and more. Never accesses an org."""
