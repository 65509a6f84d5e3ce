"""The tests: the registry, the hub, whole journeys; each channel keeps its own beside its code."""
