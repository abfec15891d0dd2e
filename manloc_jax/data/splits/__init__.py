"""Splits images into train, val and test, by a rule or by a list."""
