"""The folders that an assistant may have files of read, and nothing else."""

from collections.abc import Sequence
import os
import pathlib

from manloc_jax import errors
from manloc_jax.data import spec
from manloc_jax.data.listing import image_files


class AllowedFolders:
  """Folders whose files may be read, with those in the folders below them."""

  def __init__(self, folders: Sequence[str]):
    """Follows the links in the names of the folders, once.

    Args:
      folders: As the user of the command gives them, at least one.

    Raises:
      UserError: One is no folder.
    """
    for folder in folders:
      if not os.path.isdir(folder):
        raise errors.UserError(
            f'--allow={folder} is no folder; name one whose images may be'
            ' read.'
        )
    self._folders = [pathlib.Path(os.path.realpath(f)) for f in folders]
    # Results are named after paths below it, which differ for all files.
    self._common = pathlib.Path(os.path.commonpath(self._folders))

  def find(self, name: str) -> image_files.Input:
    """Returns the file of a name, after all links and `..` of it.

    What is outside is refused alike whether it exists or not.

    Args:
      name: A path, absolute or below one of the folders; of several, the first
        that has the file.

    Raises:
      DataError: It is outside of the folders, or no file.
    """
    shown = errors.printable(errors.shown(name, 200))
    try:
      paths = [
          pathlib.Path(os.path.realpath(folder / name))
          for folder in self._folders
      ]
    except (OSError, ValueError):  # It holds what no path does.
      raise spec.DataError(f'{shown} is no path; name an image.') from None
    for path in paths:
      if self._holds(path) and os.path.isfile(path):
        return image_files.Input(
            path, path.relative_to(self._common).as_posix()
        )
    if all(map(self._holds, paths)):
      raise spec.DataError(
          f'{shown} is no file; name an image in one of the folders.'
      )
    folders = ', '.join(map(str, self._folders))
    raise spec.DataError(
        f'{shown} is outside of what may be read; name a file in {folders}.'
    )

  def _holds(self, path: pathlib.Path) -> bool:
    return any(path.is_relative_to(folder) for folder in self._folders)
