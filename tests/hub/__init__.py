"""Tests of the hub: what is served over HTTP."""
