"""The local org: a small, strict Salesforce on SQLite that shares no code with the product."""
