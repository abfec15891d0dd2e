"""Compares tables, figures and claims of the paper with our runs."""
