"""Journeys: the real process, real HTTP, real databases, and at the other end a sandbox."""
