"""Tests of what the pages stand on."""
