"""The loops between the bus, the registry and the connectors."""
