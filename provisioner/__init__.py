"""Keep a Salesforce customer portal as code."""
