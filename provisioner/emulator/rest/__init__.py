"""The REST API: routes, records, composite calls, search, Tooling and Connect."""
