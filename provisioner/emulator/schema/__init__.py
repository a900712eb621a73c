"""The objects, fields, API versions, licenses and types of Salesforce, as data."""
