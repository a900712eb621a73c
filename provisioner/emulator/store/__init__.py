"""SQLite: tables, transactions, rows and components, with no rule of Salesforce."""
