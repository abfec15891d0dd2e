"""Makes the examples of the page: forgeries and one untouched photograph."""

import dataclasses
import pathlib

from manloc_jax.data.datasets import demo
from manloc_jax.localization import batch

# Photograph -> manipulation; `demo` trains on neither of them.
_CHOICE = {
    'chelsea': 'copy-move',
    'grace_hopper': 'splice',
    'gravel': 'removal',
    'flower': None,
}


@dataclasses.dataclass(frozen=True)
class Sample:
  """An example.

  Attributes:
    caption: The manipulation, as shown.
    path: The image file.
  """

  caption: str
  path: pathlib.Path


def make(folder: pathlib.Path) -> list[Sample]:
  """Writes the examples, the same ones on every machine, into a folder.

  Raises:
    DataError: A photograph is not installed.
  """
  samples = []
  for name, manipulation in _CHOICE.items():
    task = next(
        task
        for task in demo.tasks()
        if task.host.name == name
        and task.manipulation == (manipulation or task.manipulation)
    )
    forgery = demo.make(task)
    image = forgery.image if manipulation else forgery.host
    caption = manipulation or 'untouched'
    path = folder / f'{name}_{caption}.png'
    with path.open('wb') as file:
      batch.save_png(file, image)
    samples.append(Sample(caption.capitalize(), path))
  return samples
