"""A folder of weights as the Hugging Face Hub expects it, card included.

  model.safetensors   the weights, as `manloc export` writes them
  config.json         what they are of, and the SHA-256 of the file above
  README.md           the model card; results stand in its YAML header, where
                      the package holds some of these very weights
"""

import importlib.util
import pathlib

from manloc_jax import errors
from manloc_jax import files
from manloc_jax import provenance
from manloc_jax.localization.export import networks

WEIGHTS, CONFIG, CARD = FILES = 'model.safetensors', 'config.json', 'README.md'
_LIBRARY = 'manloc_jax'


def save(folder: pathlib.Path, network: networks.Network) -> None:
  """Writes weights, config and model card into a folder.

  Raises:
    UserError: The network is too large for a file of weights, or
      huggingface_hub is not installed.
    OSError: A file cannot be written.
  """
  need_hub('A model card')
  from manloc_jax.localization.export import model_card

  folder.mkdir(parents=True, exist_ok=True)
  network.save(folder / WEIGHTS)
  config = {
      'library_name': _LIBRARY,
      **{k: v for k, v in network.facts.items() if k != 'training'},
      'file_sha256': provenance.sha256_of_file(folder / WEIGHTS),
  }
  files.write_json(folder / CONFIG, config)
  files.write_text(folder / CARD, model_card.make(network.facts))


def check(folder: pathlib.Path) -> pathlib.Path:
  """Returns the file of weights of a folder.

  Raises:
    UserError: A file is missing, or the config is of other weights.
  """
  weights, config = folder / WEIGHTS, folder / CONFIG
  try:
    recorded = files.read_json(config, files.MAX_CONFIG_BYTES)['file_sha256']
    if recorded == provenance.sha256_of_file(weights):
      return weights
    reason = f'{CONFIG} is of other weights'
  except OSError as error:
    reason = f'{error.filename}: {error.strerror}'
  except (KeyError, TypeError, ValueError):
    reason = f'{CONFIG} does not say which weights it is of'
  raise errors.UserError(
      f'{folder} does not hold {WEIGHTS} with their {CONFIG} ({reason}); name a'
      ' folder that manloc export wrote, or fetch it again.'
  )


def need_hub(what: str) -> None:
  """Raises UserError unless huggingface_hub, an extra, is installed."""
  if importlib.util.find_spec('huggingface_hub') is None:
    raise errors.UserError(
        f'{what} needs huggingface_hub, which is not installed: pip install'
        " '.[hub]' in the project's folder."
    )
