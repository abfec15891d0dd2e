"""Looks facts up, where they were told."""

from collections.abc import Mapping
from typing import Any

from manloc_jax.examine import section as section_lib

Facts = Mapping[str, Any]


def get(facts: Any, *keys: str) -> Any:
  """Returns a fact; None where it or what holds it is missing or not told."""
  for key in keys:
    if not isinstance(facts, Mapping) or not section_lib.is_told(facts):
      return None
    facts = facts.get(key)
  return facts if section_lib.is_told(facts) else None


def flags(facts: Facts, *names: str) -> list[str]:
  """Returns the reasons of contradictions in the metadata, by their ids."""
  return [
      flag['reason']
      for flag in get(facts, 'metadata', 'flags') or ()
      if flag['id'] in names
  ]
