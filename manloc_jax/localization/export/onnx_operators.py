"""Primitives of JAX as operators of ONNX.

Each function adds what an equation of a jaxpr computes to a graph, and returns
the name of the result. Its arguments are the `jaxpr_to_onnx.Graph`, the
`jax.core.JaxprEqn` and the values of the operands: constants or names.
"""

from collections.abc import Callable
import numbers
import string
from typing import Any

import numpy as np
import onnx

from manloc_jax import errors

OPSET = 18  # Version of the operators; onnxruntime knows it since 1.14.
_END = np.iinfo(np.int64).max  # Of a slice that reaches the end of its axis.
# What onnxruntime computes with on every device.
_TYPES = ('bool', 'float32', 'int32', 'int64', 'uint8')


def untranslatable(what: str) -> errors.UserError:
  """Returns the error for something that has no translation."""
  return errors.UserError(
      f'This network cannot be written as ONNX, for it uses {what}, which is'
      ' not translated; write it as .stablehlo.'
  )


def element_type(dtype: Any) -> int:
  """Returns ONNX's number of a dtype.

  Raises:
    UserError: It has none, or one that few devices compute with.
  """
  if str(dtype) not in _TYPES:
    raise untranslatable(f'the dtype {dtype}')
  return onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


def is_number(size: Any) -> bool:
  """Whether the size of an axis is a number, and no variable."""
  return isinstance(size, numbers.Integral)


def _as_is(name: str) -> Callable:
  """Returns the translation to an operator that has the same inputs."""
  return lambda graph, equation, *x: graph.add(name, x)[0]


def _in_turn(*names: str) -> Callable:
  """Returns the translation to operators of one input after the first."""

  def add(graph, equation, *inputs):
    for name in names:
      inputs = graph.add(name, inputs)
    return inputs[0]

  return add


def _log1p(graph, equation, x):
  # Of whole numbers: the sum is exact.
  return graph.add('Log', graph.add('Add', [x, np.float32(1)]))[0]


def _square(graph, equation, x):
  return graph.add('Mul', [x, x])[0]


def _integer_pow(graph, equation, x):
  exponent = np.array(equation.params['y'], equation.invars[0].aval.dtype)
  return graph.add('Pow', [x, exponent])[0]


def _select(graph, equation, which, *cases):
  if len(cases) != 2 or equation.invars[0].aval.dtype != bool:
    raise untranslatable('a choice among more than two arrays')
  return graph.add('Where', [which, cases[1], cases[0]])[0]


def _convert(graph, equation, x):
  to = element_type(equation.params['new_dtype'])
  return graph.add('Cast', [x], to=to)[0]


def _reduce(name: str) -> Callable:
  def add(graph, equation, x):
    axes = np.array(equation.params['axes'], np.int64)
    return graph.add(name, [x, axes], keepdims=0)[0]

  return add


def _reshape(graph, equation, x):
  if equation.params.get('dimensions') is not None:
    x = graph.add('Transpose', [x], perm=equation.params['dimensions'])[0]
  return _to_shape(graph, x, equation.outvars[0].aval.shape)


def _squeeze(graph, equation, x):
  return _to_shape(graph, x, equation.outvars[0].aval.shape)


def _to_shape(graph, x, sizes):
  """Reshapes to sizes of which some may not be known."""
  unknown = [i for i, size in enumerate(sizes) if not is_number(size)]
  if len(unknown) == 1:  # It is what the others leave.
    sizes = [*sizes]
    sizes[unknown[0]] = -1
  return graph.add('Reshape', [x, graph.shape(sizes)])[0]


def _broadcast(graph, equation, x):
  shape = equation.outvars[0].aval.shape
  axes = equation.params['broadcast_dimensions']
  given = [1] * len(shape)
  for axis, size in zip(axes, equation.invars[0].aval.shape, strict=True):
    given[axis] = size
  x = _to_shape(graph, x, given)
  if tuple(given) == tuple(shape):
    return x
  return graph.add('Expand', [x, graph.shape(shape)])[0]


def _transpose(graph, equation, x):
  return graph.add('Transpose', [x], perm=equation.params['permutation'])[0]


def _concatenate(graph, equation, *parts):
  return graph.add('Concat', parts, axis=equation.params['dimension'])[0]


def _split(graph, equation, x):
  sizes = np.array(equation.params['sizes'], np.int64)
  axis = int(equation.params['axis'])
  return graph.add('Split', [x, sizes], len(sizes), axis=axis)


def _slice(graph, equation, x):
  params, sizes = equation.params, equation.invars[0].aval.shape
  steps = params['strides'] or [1] * len(sizes)
  return _cut(
      graph, x, sizes, params['start_indices'], params['limit_indices'], steps
  )


def _cut(graph, x, sizes, starts, limits, steps):
  """Slices an array along all axes that are not whole."""
  axes = [
      axis
      for axis, size in enumerate(sizes)
      if (starts[axis], limits[axis], steps[axis]) != (0, size, 1)
  ]
  for axis in axes:
    if not is_number(starts[axis]):
      raise untranslatable(f'a slice from {starts[axis]}')
  if not axes:
    return x
  bounds = [
      [starts[axis] for axis in axes],
      [_END if limits[axis] == sizes[axis] else limits[axis] for axis in axes],
      axes,
      [steps[axis] for axis in axes],
  ]
  constants = [np.array(bound, np.int64) for bound in bounds]
  return graph.add('Slice', [x, *constants])[0]


def _dot(graph, equation, x, y):
  """Translates a product over any axes to a sum in Einstein's notation."""
  (x_sum, y_sum), (x_batch, y_batch) = equation.params['dimension_numbers']
  letters = iter(string.ascii_lowercase)
  left = [next(letters) for _ in equation.invars[0].aval.shape]
  right = [next(letters) for _ in equation.invars[1].aval.shape]
  for one, other in zip((*x_sum, *x_batch), (*y_sum, *y_batch), strict=True):
    right[other] = left[one]
  result = [left[axis] for axis in x_batch]
  for own, used in ((left, (*x_sum, *x_batch)), (right, (*y_sum, *y_batch))):
    result += [letter for axis, letter in enumerate(own) if axis not in used]
  form = f'{"".join(left)},{"".join(right)}->{"".join(result)}'
  return graph.add('Einsum', [x, y], equation=form)[0]


def _convolve(graph, equation, x, kernel):
  params = equation.params
  if params['batch_group_count'] != 1 or {*params['lhs_dilation']} != {1}:
    raise untranslatable('a transposed convolution')
  layout = params['dimension_numbers']
  low, high = zip(*params['padding'], strict=True)
  if isinstance(kernel, np.ndarray):
    kernel = kernel.transpose(layout.rhs_spec)
  else:
    kernel = graph.add('Transpose', [kernel], perm=layout.rhs_spec)[0]
  (made,) = graph.add(
      'Conv',
      [graph.add('Transpose', [x], perm=layout.lhs_spec)[0], kernel],
      dilations=params['rhs_dilation'],
      group=params['feature_group_count'],
      pads=[*low, *high],
      strides=params['window_strides'],
  )
  back = [layout.out_spec.index(axis) for axis in range(len(low) + 2)]
  return graph.add('Transpose', [made], perm=back)[0]


def _gather(graph, equation, x, indices):
  """Translates indexing: with one known index, or element by element."""
  described = equation.params['dimension_numbers']
  slices, sizes = equation.params['slice_sizes'], equation.invars[0].aval.shape
  mapped, batched = described.start_index_map, described.operand_batching_dims
  if isinstance(indices, np.ndarray) and indices.ndim == 1:
    starts = [0] * len(sizes)
    for axis, start in zip(mapped, indices, strict=True):
      starts[axis] = int(start)
    limits = [start + n for start, n in zip(starts, slices, strict=True)]
    x = _cut(graph, x, sizes, starts, limits, [1] * len(sizes))
    return _to_shape(graph, x, equation.outvars[0].aval.shape)
  chosen = (*batched, *mapped)
  whole = [axis for axis in range(len(sizes)) if axis not in chosen]
  is_whole = all(slices[axis] == sizes[axis] for axis in whole)
  if not is_whole or {*described.collapsed_slice_dims} != {*mapped}:
    raise untranslatable('windows at positions that it computes')
  # GatherND has the batch axes first, then those that are indexed.
  x = graph.add('Transpose', [x], perm=[*chosen, *whole])[0]
  rank = len(equation.invars[1].aval.shape)
  first = described.start_indices_batching_dims
  others = [axis for axis in range(rank - 1) if axis not in first]
  order = [*first, *others]
  indices = graph.add('Transpose', [indices], perm=[*order, rank - 1])[0]
  indices = graph.add('Cast', [indices], to=element_type('int64'))[0]
  made = graph.add('GatherND', [x, indices], batch_dims=len(batched))[0]
  # Of the result, the axes that are not those of slices are of the indices.
  offsets = described.offset_dims
  of_indices = [
      axis for axis in range(len(equation.outvars[0].aval.shape))
      if axis not in offsets
  ]  # fmt: skip
  positions = [*(of_indices[axis] for axis in order), *offsets]
  return graph.add('Transpose', [made], perm=np.argsort(positions).tolist())[0]


_same = lambda graph, equation, x: x
# By the primitive's name.
OPERATORS: dict[str, Callable] = {
    'abs': _as_is('Abs'),
    'add': _as_is('Add'),
    'broadcast_in_dim': _broadcast,
    'concatenate': _concatenate,
    'conv_general_dilated': _convolve,
    'convert_element_type': _convert,
    'div': _as_is('Div'),
    'dot_general': _dot,
    'eq': _as_is('Equal'),
    'exp': _as_is('Exp'),
    'gather': _gather,
    'integer_pow': _integer_pow,
    'log1p': _log1p,
    'logistic': _as_is('Sigmoid'),
    'lt': _as_is('Less'),
    'max': _as_is('Max'),
    'min': _as_is('Min'),
    'mul': _as_is('Mul'),
    'reduce_max': _reduce('ReduceMax'),
    'reduce_sum': _reduce('ReduceSum'),
    'reshape': _reshape,
    'round': _as_is('Round'),
    'rsqrt': _in_turn('Sqrt', 'Reciprocal'),
    'select_n': _select,
    'slice': _slice,
    'split': _split,
    'square': _square,
    'squeeze': _squeeze,
    'stop_gradient': _same,
    'sub': _as_is('Sub'),
    'tanh': _as_is('Tanh'),
    'transpose': _transpose,
}
