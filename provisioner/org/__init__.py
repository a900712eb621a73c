"""The only door to Salesforce: `Query` and `Call` values go in, plain values come out."""
