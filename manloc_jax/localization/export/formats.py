"""Files that hold a network as a program: StableHLO and ONNX."""

from collections.abc import Callable, Iterator
import contextlib
import importlib.util
import json
import pathlib

import jax
from jax import export

from manloc_jax import errors
from manloc_jax import files
from manloc_jax.localization.export import networks
from manloc_jax.training import weight_files

STABLEHLO, ONNX = '.stablehlo', '.onnx'
_PLATFORMS = ('cpu', 'cuda')
_FACTS = 'manloc'  # Key of the facts in a file's metadata.
_IR_VERSION = 8  # Of ONNX's format: that of the operators' version.


def writer(path: pathlib.Path) -> Callable[[networks.Network], None]:
  """Returns what writes a network into a file, chosen by its suffix.

  Raises:
    UserError: No format has this suffix, or the package that it needs is not
      installed.
  """
  if weight_files.is_named(path):
    return lambda network: network.save(path)
  if path.suffix == STABLEHLO:
    return lambda network: save_stablehlo(path, network)
  if path.suffix != ONNX:
    raise errors.UserError(
        f'{errors.shown(str(path))} has the suffix'
        f' {errors.shown(path.suffix)}, and the format follows from it; give a'
        f' name that ends in {weight_files.SUFFIX}, {STABLEHLO} or {ONNX}, or'
        ' in / for a folder with weights and a model card.'
    )
  if importlib.util.find_spec('onnx') is None:
    raise errors.UserError(
        f'{path} needs onnx, which is not installed: pip install'
        " '.[onnx]' in the project's folder."
    )
  return lambda network: save_onnx(path, network)


def save_stablehlo(path: pathlib.Path, network: networks.Network) -> None:
  """Writes what `jax.export.deserialize` reads, for CPUs and CUDA.

  Raises:
    OSError: The file cannot be written.
  """
  make = export.export(jax.jit(network.apply), platforms=_PLATFORMS)
  with _naming_no_source():
    content = make(*network.inputs.values()).serialize()
  with files.replacing(path) as temporary:
    temporary.write_bytes(content)


@contextlib.contextmanager
def _naming_no_source() -> Iterator[None]:
  """Leaves paths of source files, which JAX notes, out of programs."""
  name = 'jax_hlo_source_file_canonicalization_regex'
  before = getattr(jax.config, name)
  jax.config.update(name, '.*')
  try:
    yield
  finally:
    jax.config.update(name, before)


def save_onnx(path: pathlib.Path, network: networks.Network) -> None:
  """Writes a graph of ONNX; its metadata `manloc` are the facts as JSON.

  Raises:
    UserError: The network uses something that is not translated.
    OSError: The file cannot be written.
  """
  import onnx  # An extra.

  from manloc_jax.localization.export import jaxpr_to_onnx
  from manloc_jax.localization.export import onnx_operators

  model = onnx.helper.make_model(
      jaxpr_to_onnx.translate(
          network.apply, network.inputs, network.facts['method']
      ),
      producer_name='manloc_jax',
      producer_version=network.facts['version'],
      ir_version=_IR_VERSION,
      opset_imports=[onnx.helper.make_opsetid('', onnx_operators.OPSET)],
  )
  onnx.helper.set_model_props(model, {_FACTS: json.dumps(network.facts)})
  onnx.checker.check_model(model, full_check=True)
  with files.replacing(path) as temporary:
    temporary.write_bytes(model.SerializeToString())
