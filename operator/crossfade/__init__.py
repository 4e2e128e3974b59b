"""Crossfade rolls new versions of machine-learning models into live traffic, and back when they are worse."""
