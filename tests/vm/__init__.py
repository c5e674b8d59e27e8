"""Journeys on the practice machine: they boot it."""
