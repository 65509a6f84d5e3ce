"""Tests of the JSON API, through a real server on loopback."""
