"""The hub: HTTP, commands, and the one place where the parts meet."""
