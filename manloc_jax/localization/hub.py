"""Localizers from folders and from the Hugging Face Hub, and back to it."""

import pathlib
from typing import Any

from manloc_jax import errors
from manloc_jax.localization import factory
from manloc_jax.localization import localizer
from manloc_jax.localization.export import folder as folder_lib


def from_pretrained(
    repo_or_folder: str, *, revision: str | None = None, **options: Any
) -> localizer.Localizer:
  """Makes a localizer from published weights.

  Args:
    repo_or_folder: A folder that `manloc export` wrote, which is read without
      any request; or a repository of the Hugging Face Hub, such as
      `name/model`, of which weights, config and card are fetched and nothing
      else.
    revision: Branch, tag or commit of the repository; a commit, of 40 digits,
      cannot be changed by whoever owns it.
    **options: Of `factory.make`, such as `threshold`.

  Raises:
    UserError: There is neither, or it holds no weights of this package.
  """
  folder = pathlib.Path(repo_or_folder)
  if not folder.is_dir():
    folder = _fetch(str(repo_or_folder), revision)
  elif revision is not None:
    raise errors.UserError(
        f'{folder} is a folder, which has no revision'
        f' {errors.shown(revision)}; leave the revision out.'
    )
  return factory.make(workdir=str(folder_lib.check(folder)), **options)


def push_to_hub(
    folder: str,
    repo_id: str,
    *,
    revision: str | None = None,
    private: bool = True,
) -> str:
  """Publishes a folder that `manloc export` wrote on the Hugging Face Hub.

  Who you are is what `hf auth login` or the variable HF_TOKEN says.

  Args:
    folder: The folder; its weights, config and card are sent and nothing else.
    repo_id: The repository, such as `name/model`; it is made if it is missing.
    revision: Branch that gets the files; by default `main`.
    private: Whether others do not see a repository that is made.

  Returns:
    The address of the commit.

  Raises:
    UserError: It is no such folder, or the Hub refused it.
  """
  folder_lib.need_hub('The Hugging Face Hub')
  import huggingface_hub

  folder_lib.check(pathlib.Path(folder))
  api = huggingface_hub.HfApi(library_name='manloc_jax')
  try:
    api.create_repo(repo_id, private=private, exist_ok=True)
    commit = api.upload_folder(
        repo_id=repo_id,
        folder_path=folder,
        allow_patterns=[*folder_lib.FILES],
        commit_message='Weights of manloc_jax',
        revision=revision,
    )
  except (OSError, ValueError) as error:
    raise errors.UserError(
        f'The Hugging Face Hub did not take {folder} as {repo_id!r}'
        f' ({_reason(error)}); mend that and try again.'
    ) from error
  return str(commit.commit_url)


def _fetch(repo_id: str, revision: str | None) -> pathlib.Path:
  """Returns the folder with the files of a repository."""
  folder_lib.need_hub('The Hugging Face Hub')
  import huggingface_hub

  try:
    return pathlib.Path(
        huggingface_hub.snapshot_download(
            repo_id, revision=revision, allow_patterns=[*folder_lib.FILES]
        )
    )
  except (OSError, ValueError) as error:
    raise errors.UserError(
        f'{errors.shown(repo_id)} is no folder here, and the Hugging Face Hub'
        f' did not give it ({_reason(error)}); name a folder that manloc export'
        ' wrote, or a repository that can be reached.'
    ) from error


def _reason(error: Exception) -> str:
  lines = str(error).strip().splitlines() or [type(error).__name__]
  return errors.printable(lines[0][:100].rstrip('.'))
