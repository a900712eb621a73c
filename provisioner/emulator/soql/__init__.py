"""SOQL and SOSL: from the text of a query to its rows."""
