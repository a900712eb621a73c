"""The local org: compose and serve here; surfaces, Salesforce behavior and storage in packages."""
