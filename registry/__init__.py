"""The registry: contacts, appeals, messages and their journal; no channel, no HTTP, no bus."""
