"""The networks of the paper as pure functions of their parameters."""

from collections.abc import Mapping
import dataclasses
from typing import Any

import flax.linen as nn

from manloc_jax import errors
from manloc_jax.models.fcn import FCN
from manloc_jax.models.interface import abstract_params
from manloc_jax.models.interface import check_shapes
from manloc_jax.models.interface import MASK
from manloc_jax.models.interface import Outputs
from manloc_jax.models.interface import PATCH
from manloc_jax.models.interface import TASKS
from manloc_jax.models.network import ConvLSTMConv
from manloc_jax.patch_side import SIDE

__all__ = [
    'MASK',
    'NETWORKS',
    'PATCH',
    'SIDE',
    'TASKS',
    'ConvLSTMConv',
    'FCN',
    'Outputs',
    'abstract_params',
    'check_shapes',
    'make',
    'make_checked',
]

NETWORKS = {'conv_lstm': ConvLSTMConv, 'fcn': FCN}
# Of fields, far above sensible ones: what a stranger's file describes has to be
# traced before its parameters can be compared. Kernels have at most `SIDE`.
_MAX_NUMBER, _MAX_LENGTH = 4096, 64
_MAX_REASON = 100  # Characters of an error of Flax or JAX.


def make(
    config: Mapping[str, Any] | None = None,
    *,
    kinds: dict[str, type[nn.Module]] = NETWORKS,
    **fields,
) -> nn.Module:
  """Makes a network from one flat set of fields that serves all of them.

  Args:
    config: The fields, `network` (a key of `kinds`) among them; or a whole
      config, whose section `model` holds them.
    kinds: The networks to choose from.
    **fields: Fields of any network, which go before those of `config`; those
      of other networks are ignored.

  Returns:
    A module that maps uint8[batch, 64, 64, 3], and what tells of their
    compression, to `Outputs`, and has `tasks`, `reads_compression` and
    `grid_stride`.

  Raises:
    TypeError: There is a field that no network has.
    ValueError: Unknown `network`.
  """
  given = dict(config or {})
  fields = {**given.get('model', given), **fields}
  network = fields.pop('network', 'conv_lstm')
  if network not in kinds:
    found = errors.shown(network)
    raise ValueError(f'Unknown network {found}; choose one of {[*kinds]}.')
  every = (*kinds.values(), *NETWORKS.values())
  known = {field for kind in every for field in _fields(kind)}
  if foreign := fields.keys() - known:
    raise TypeError(f'No network has the fields {sorted(foreign)}.')
  kind = kinds[network]
  own = _fields(kind)
  return kind(**{k: v for k, v in fields.items() if k in own})


def make_checked(
    fields: Mapping[str, Any], where: str, remedy: str
) -> tuple[nn.Module, Any]:
  """Makes a network from fields that a user wrote, and checks them.

  Args:
    fields: Arguments of `make`, of any type.
    where: Subject of the error's sentence: what holds the fields.
    remedy: End of that sentence: what to do.

  Returns:
    The network and `abstract_params` of it.

  Raises:
    UserError: The fields describe no network.
  """
  try:
    model = make(**fields)
    _check_types(model, fields)
    _check_sizes(model)
    return model, abstract_params(model)
  # A value of the wrong type fails anywhere in Flax or JAX.
  except Exception as error:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    raise errors.UserError(
        f'{where} describes no network that can be made'
        f' ({lines[0].rstrip(".")[:_MAX_REASON]}); {remedy}.'
    ) from error


def _check_types(model: nn.Module, fields: Mapping[str, Any]) -> None:
  """Raises TypeError where a value is not of the type of its default."""
  for field in dataclasses.fields(model):
    default, value = field.default, fields.get(field.name, field.default)
    kinds = {tuple: (tuple, list), float: (float, int)}
    wanted = kinds.get(type(default), type(default))
    if field.name in fields and not isinstance(value, wanted):
      found = errors.shown(value, 40)
      raise TypeError(f'{field.name} is {found}, and not like {default!r}')


def _check_sizes(model: nn.Module) -> None:
  """Raises ValueError where a network would take long to describe."""
  for field in dataclasses.fields(model):
    value = getattr(model, field.name)
    if isinstance(value, (str, tuple, list)) and len(value) > _MAX_LENGTH:
      raise ValueError(f'{field.name} is longer than {_MAX_LENGTH}')
    most = SIDE if 'kernel' in field.name else _MAX_NUMBER
    for number in value if isinstance(value, (tuple, list)) else [value]:
      if isinstance(number, int) and abs(number) > most:
        raise ValueError(f'{field.name} holds a number beyond {most}')


def _fields(kind: type[nn.Module]) -> set[str]:
  return {field.name for field in dataclasses.fields(kind)} - {'parent', 'name'}
