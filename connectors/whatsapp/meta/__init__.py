"""A number at Meta's Cloud API."""
