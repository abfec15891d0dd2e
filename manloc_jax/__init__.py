"""Localize manipulated image regions with a Conv-LSTM-Conv network in JAX."""

__version__ = '0.1.0'
