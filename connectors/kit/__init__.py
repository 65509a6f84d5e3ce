"""Bricks that channels share."""
