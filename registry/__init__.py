"""The registry: contacts, appeals, messages and their journal. It knows no channel, no HTTP, no bus."""
