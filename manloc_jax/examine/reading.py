"""Reading it: what the facts of a report amount to, by rules.

The rules stand in `rules`, by subject; here they get their weights.
"""

from collections.abc import Callable
import dataclasses
from typing import Any

from manloc_jax.examine.rules import facts as facts_lib
from manloc_jax.examine.rules import origin
from manloc_jax.examine.rules import pixels
from manloc_jax.examine.rules import stated

STRONG, WEAK, NONE = 'strong', 'weak', 'none'

CANNOT_BE_SAID = (
    'Whether the picture shows what its caption says: a genuine photograph may'
    ' be of another place or time.',
    'Whether the file is genuine: no finding here proves that nothing was'
    ' changed.',
    'Who changed it, and why: editing includes cropping, developing and'
    ' reducing, which are usual.',
    'Whether metadata are true: anybody can write them.',
)


@dataclasses.dataclass(frozen=True)
class Rule:
  """A rule.

  Attributes:
    weight: Of what it finds: `STRONG`, `WEAK`, or `NONE` for a limit of what
      can be found in the file.
    find: Returns a sentence, or None.
  """

  weight: str
  find: Callable[[facts_lib.Facts], str | None]


def read(facts: facts_lib.Facts) -> dict[str, Any]:
  """Returns the findings, the weightiest first, and what cannot be said.

  Args:
    facts: Of all other sections, by name.
  """
  findings = [
      {'id': rule.find.__name__, 'weight': rule.weight, 'sentence': sentence}
      for rule in RULES
      for sentence in [rule.find(facts)]
      if sentence
  ]
  return {
      'findings': findings,
      'counts': {
          weight: sum(item['weight'] == weight for item in findings)
          for weight in (STRONG, WEAK, NONE)
      },
      'cannot_be_said': list(CANNOT_BE_SAID),
  }


RULES = (
    Rule(STRONG, origin.credentials_broken),
    Rule(STRONG, origin.declared_generated),
    Rule(STRONG, origin.generator_settings),
    Rule(STRONG, stated.preview_disagrees),
    Rule(WEAK, stated.preview_has_other_shape),
    Rule(WEAK, stated.editor_named),
    Rule(WEAK, stated.edit_history),
    Rule(WEAK, stated.modified_later),
    Rule(WEAK, stated.dates_contradict),
    Rule(WEAK, stated.size_differs),
    Rule(WEAK, stated.suffix_differs),
    Rule(WEAK, stated.data_after_image),
    Rule(WEAK, pixels.encoder_is_no_camera),
    Rule(WEAK, pixels.saved_before),
    Rule(WEAK, pixels.grid_moved),
    Rule(WEAK, pixels.map_marks_regions),
    Rule(WEAK, origin.credentials_hold),
    Rule(NONE, origin.no_credentials),
    Rule(NONE, stated.no_metadata),
    Rule(NONE, pixels.limited_file),
    Rule(NONE, pixels.partly_unmeasurable),
    Rule(NONE, pixels.few_pixels),
    Rule(NONE, pixels.no_map),
)
