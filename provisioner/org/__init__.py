"""The only interface to Salesforce: logins, requests, answers and errors."""
