"""The HTML pages for a browser: setup, portal, site and staff logins, and OAuth approval."""
