"""The channels, one folder each, and the contract they share."""
