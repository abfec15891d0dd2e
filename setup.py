"""Installs manloc_jax; all that there is to say stands in pyproject.toml."""

import setuptools

setuptools.setup()
