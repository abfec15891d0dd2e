"""Reads the config file that defines a study."""

from collections.abc import Callable, Collection, Mapping
import dataclasses
from typing import Any

from manloc_jax import errors
from manloc_jax import run_config
from manloc_jax.reports.study import definition
from manloc_jax.reports.study import score_columns


@dataclasses.dataclass(frozen=True)
class StudyFile:
  """A config file that defines a study.

  Attributes:
    path: The file, for messages.
    defined: What is kept of it.
    changes: By system the fields that it changes.
    expected: By name of a dataset (`config.data.name`) and by system, the
      fields that define systems.
  """

  path: str
  defined: definition.Definition
  changes: Mapping[str, Collection[str]]
  expected: Callable[[str, str], dict[str, Any]]


def read(path: str, content: Mapping[str, Any]) -> StudyFile:
  """Reads the variables of a config file.

  Args:
    path: The file.
    content: Its global variables, by name.

  Returns:
    The study. Without TABLES or CLAIMS it has none of its own.

  Raises:
    UserError: It defines no systems, or its tables or claims cannot be made.
  """
  try:
    changes = {x: tuple(own) for x, (_, own) in content['SYSTEMS'].items()}
    defined = definition.Definition(
        {name: str(label) for name, (label, _) in content['SYSTEMS'].items()},
        tuple(definition.Table(**x) for x in content.get('TABLES', ())),
        tuple(definition.Claim(*x) for x in content.get('CLAIMS', ())),
    )
  except (TypeError, ValueError) as error:
    raise errors.UserError(
        f'{path} defines no study ({error}); write SYSTEMS, TABLES and CLAIMS'
        ' as configs/ablation.py does.'
    ) from error
  _check_names(path, defined)
  return StudyFile(path, defined, changes, _expect(path, content))


def _check_names(path: str, defined: definition.Definition) -> None:
  """Raises UserError where a table or claim names what there is not."""
  parts = [
      *((f'table {t.name!r}', t.systems, t.columns) for t in defined.tables),
      *(
          (f'claim {c.text!r}', (c.better, c.worse), c.scores)
          for c in defined.claims
      ),
  ]
  for part, systems, scores in parts:
    keys = [score.removeprefix('published ') for score in scores]
    for kind, names, known in (
        ('system', systems, defined.labels),
        ('score', keys, score_columns.SCORES),
    ):
      if unknown := [name for name in names if name not in known]:
        raise errors.UserError(
            f'The {part} of {path} names the {kind} {unknown[0]!r}; choose one'
            f' of {", ".join(known)}.'
        )


def _expect(
    path: str, content: Mapping[str, Any]
) -> Callable[[str, str], dict[str, Any]]:
  """Returns the function `StudyFile.expected`."""
  systems = content['SYSTEMS']
  fields = {key for _, changes in systems.values() for key in changes}
  reference = next(iter(systems))
  configs = {
      dataset: content['get_config'](f'{dataset}/{reference}')
      for dataset in content['DATASETS']
  }

  def expected(name: str, system: str) -> dict[str, Any]:
    """Returns the fields by which a system differs, on a dataset."""
    for dataset, config in configs.items():
      if config.data.name == name:
        own = content['get_config'](f'{dataset}/{system}')
        flat = run_config.flatten(run_config.plain(own))
        return {key: flat[key] for key in sorted(fields)}
    raise errors.UserError(
        f'{path} has no dataset whose data.name is {name!r}; add its config to'
        ' DATASETS there, or leave its runs out.'
    )

  return expected
