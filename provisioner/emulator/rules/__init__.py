"""Every rule that Salesforce applies when a record is written."""
