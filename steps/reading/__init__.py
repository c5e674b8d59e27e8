"""Readers of a machine by subject; what they parse they parse in pure functions."""
