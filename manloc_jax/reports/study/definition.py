"""What a study is: its systems, and the tables and claims made of their runs.

A study is a config file with the global variables DATASETS, SYSTEMS, TABLES and
CLAIMS, and with `get_config`; configs/ablation.py is that of the paper, and
`study_file` reads it. What is gathered from its runs keeps labels, tables and
claims, so that tables can be made without the file.
"""

from collections.abc import Mapping
import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Table:
  """A table with a row for each dataset and system.

  Attributes:
    name: Of its picture and in `Study.tables`.
    caption: Its title.
    columns: Keys of `score_columns.SCORES`; after `published ` the paper's
      numbers of that score.
    systems: Its rows; all systems where it is empty.
    labels: Labels of systems that have another one here.
    split: Whose scores are shown.
    beside: A system that is shown only where there is another beside it.
    notes: Sentences to stand below.
  """

  name: str
  caption: str
  columns: tuple[str, ...]
  systems: tuple[str, ...] = ()
  labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
  split: str = 'test'
  beside: str | None = None
  notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Claim:
  """A claim that one system scores above another.

  Attributes:
    text: The claim in a few words.
    better: The system said to score higher.
    worse: The system said to score lower.
    scores: Keys of `score_columns.SCORES` that the claim is about.
    split: Where it is judged.
  """

  text: str
  better: str
  worse: str
  scores: tuple[str, ...]
  split: str = 'test'


@dataclasses.dataclass(frozen=True)
class Definition:
  """A study.

  Attributes:
    labels: Of its systems. The first one is the reference, which others are
      compared with.
    tables: Its tables.
    claims: Its claims.
  """

  labels: Mapping[str, str]
  tables: tuple[Table, ...]
  claims: tuple[Claim, ...]

  @property
  def reference(self) -> str:
    """The first system."""
    return next(iter(self.labels))

  def to_json(self) -> dict[str, Any]:
    """Returns what `from_json` reads."""
    return dataclasses.asdict(self)


def from_json(content: Mapping[str, Any]) -> Definition:
  """Reads a definition.

  Args:
    content: Of `Definition.to_json`, perhaps from a file.

  Raises:
    KeyError: A part is missing.
    TypeError: A part has other fields.
  """
  return Definition(
      content['labels'],
      tuple(Table(**table) for table in content['tables']),
      tuple(Claim(**claim) for claim in content['claims']),
  )
