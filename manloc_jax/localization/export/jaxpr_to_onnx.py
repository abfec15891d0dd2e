"""Translates functions of JAX, traced to a jaxpr, into graphs of ONNX.

An interpreter of jaxprs, as JAX's documentation describes them: it goes through
the equations and adds nodes of ONNX in place of computing arrays. What depends
on no input is computed at once and becomes a constant. Only the primitives that
our networks use are known, see `onnx_operators`.

No library does this for our networks: jax2onnx 0.17, the one that is kept,
fails at `jax.lax.platform_dependent` and at `jax.vmap` of Flax's layers, makes
a graph of the network that computes one window at a time only, and refuses
today's Orbax.
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
from typing import Any

import jax
import numpy as np
import onnx

from manloc_jax.localization.export import onnx_operators

# A constant, or the name of a tensor of the graph.
Value = np.ndarray | str
# Of calls within a jaxpr, by primitive: the parameter that holds the function.
_CALLS = {
    'jit': 'jaxpr',
    'custom_jvp_call': 'call_jaxpr',
    'custom_vjp_call': 'call_jaxpr',
}


def translate(
    function: Callable[..., Mapping[str, jax.Array]],
    inputs: Mapping[str, jax.ShapeDtypeStruct],
    name: str,
) -> onnx.GraphProto:
  """Returns a function as a graph of ONNX.

  Args:
    function: Maps the inputs, in their order, to outputs by name.
    inputs: Shapes and dtypes by name. Sizes may be variables of
      `jax.export.symbolic_shape`, each of which is a whole axis of some input.
    name: Of the graph.

  Raises:
    UserError: The function uses something that cannot be translated.
  """
  traced = jax.make_jaxpr(function)(*inputs.values())
  outputs = jax.eval_shape(function, *inputs.values())
  graph = Graph([], [], {})
  for key, spec in inputs.items():
    for axis, size in enumerate(map(str, spec.shape)):
      if not size.isdigit() and size not in graph.sizes:
        (graph.sizes[size],) = graph.add(
            'Shape', [key], start=axis, end=axis + 1
        )
  results = evaluate(graph, traced.jaxpr, traced.consts, [*inputs])
  names = sorted(outputs)  # As JAX orders the values of a dictionary.
  for key, value in zip(names, results, strict=True):
    graph.nodes.append(
        onnx.helper.make_node('Identity', [graph.tensor(value)], [key])
    )
  return onnx.helper.make_graph(
      graph.nodes,
      name,
      [_describe(k, x.dtype, x.shape) for k, x in inputs.items()],
      [_describe(k, outputs[k].dtype, outputs[k].shape) for k in names],
      graph.constants,
  )


@dataclasses.dataclass(frozen=True)
class Graph:
  """A graph of ONNX while it is made.

  Attributes:
    nodes: Its nodes, in an order in which they can be computed.
    constants: Its constants; the body of a loop puts them into the whole graph.
    sizes: By the name of a size that is not known, the tensor i64[1] that
      holds it.
  """

  nodes: list[onnx.NodeProto]
  constants: list[onnx.TensorProto]
  sizes: dict[str, str]
  prefix: str = ''

  def body(self) -> 'Graph':
    """Returns an empty graph for the body of a loop in this one."""
    prefix = f'{self.prefix}{len(self.nodes)}.'
    return dataclasses.replace(self, nodes=[], prefix=prefix)

  def add(
      self, operator: str, inputs: Sequence[Value], count: int = 1, **attributes
  ) -> list[str]:
    """Adds a node; returns the names of its outputs."""
    names = [self.tensor(value) for value in inputs]
    at = f'{self.prefix}{len(self.nodes)}'
    outputs = [f'{operator}.{at}.{i}' for i in range(count)]
    self.nodes.append(
        onnx.helper.make_node(operator, names, outputs, **attributes)
    )
    return outputs

  def tensor(self, value: Value) -> str:
    """Returns the name of a value, which is made a constant if it is one."""
    if isinstance(value, str):
      return value
    name = f'constant.{len(self.constants)}'
    self.constants.append(onnx.numpy_helper.from_array(value, name))
    return name

  def shape(self, sizes: Sequence[Any]) -> Value:
    """Returns a shape as i64[n], of sizes of which some are not known."""
    if all(onnx_operators.is_number(size) for size in sizes):
      return np.array(sizes, np.int64)
    parts: list[Value] = []
    for size in sizes:
      if onnx_operators.is_number(size):
        parts.append(np.array([size], np.int64))
      elif str(size) in self.sizes:
        parts.append(self.sizes[str(size)])
      else:
        raise onnx_operators.untranslatable(f'an axis of {size}')
    return self.add('Concat', parts, axis=0)[0]


def evaluate(
    graph: Graph, jaxpr: Any, constants: Sequence[Any], inputs: Sequence[Value]
) -> list[Value]:
  """Adds the equations of a jaxpr to a graph.

  Args:
    graph: The graph.
    jaxpr: The `jax.core.Jaxpr`.
    constants: Values of its `constvars`.
    inputs: Values of its `invars`.

  Returns:
    The values of its `outvars`.

  Raises:
    UserError: See `translate`.
  """
  values = dict(zip(jaxpr.constvars, map(np.asarray, constants), strict=True))
  values |= zip(jaxpr.invars, inputs, strict=True)

  def read(variable) -> Value:
    if hasattr(variable, 'val'):  # A literal.
      return np.asarray(variable.val, variable.aval.dtype)
    return values[variable]

  for equation in _needed(jaxpr):
    operands = [
        read(x) for x in equation.invars if not _is_empty(x.aval)
    ]
    results = _apply(graph, equation, operands)
    values |= zip(equation.outvars, results, strict=True)
  return [read(variable) for variable in jaxpr.outvars]


def _needed(jaxpr: Any) -> list[Any]:
  """Returns the equations that the outputs depend on, without empty arrays."""
  wanted = {id(x) for x in jaxpr.outvars}
  kept = []
  for equation in reversed(jaxpr.eqns):
    outputs = [x for x in equation.outvars if not _is_empty(x.aval)]
    if any(id(x) in wanted for x in outputs):
      kept.append(equation)
      wanted |= {id(x) for x in equation.invars if not _is_empty(x.aval)}
  return kept[::-1]


def _is_empty(aval: Any) -> bool:
  return '0' in map(str, aval.shape)


def _apply(graph: Graph, equation: Any, operands: list[Value]) -> list[Value]:
  """Adds one equation to a graph; returns its results."""
  name, params = equation.primitive.name, equation.params
  if name in _CALLS:
    called = params[_CALLS[name]]
    inner = getattr(called, 'jaxpr', called)
    return evaluate(graph, inner, getattr(called, 'consts', ()), operands)
  if name == 'platform_index':
    # Of the branches for several platforms, the one for any other.
    return [np.array(params['platforms'].index(None), np.int32)]
  if name == 'cond' and isinstance(operands[0], np.ndarray):
    branch = params['branches'][int(operands[0])]
    return evaluate(graph, branch.jaxpr, branch.consts, operands[1:])
  if name == 'scan':
    return _scan(graph, equation, operands)
  if all(isinstance(x, np.ndarray) for x in operands) and _is_known(equation):
    results = equation.primitive.bind(*operands, **params)
    if not equation.primitive.multiple_results:
      results = [results]
    return [np.asarray(x) for x in results]
  operator = onnx_operators.OPERATORS.get(name)
  if operator is None:
    raise onnx_operators.untranslatable(f'the primitive {name!r} of JAX')
  result = operator(graph, equation, *operands)
  return [result] if isinstance(result, (str, np.ndarray)) else result


def _is_known(equation: Any) -> bool:
  """Whether all sizes of the results are numbers."""
  sizes = [size for x in equation.outvars for size in x.aval.shape]
  return all(onnx_operators.is_number(size) for size in sizes)


def _scan(graph: Graph, equation: Any, operands: list[Value]) -> list[Value]:
  """Translates `jax.lax.scan` to the operator of the same name."""
  params = equation.params
  if params['reverse']:
    raise onnx_operators.untranslatable('a scan that runs backward')
  closed, first = params['jaxpr'], params['num_consts']
  body = graph.body()
  inner = closed.jaxpr.invars[first:]
  names = [f'{body.prefix}input.{i}' for i in range(len(inner))]
  # The body reads the constants of the loop from the graph around it.
  captured: list[Value] = [graph.tensor(x) for x in operands[:first]]
  results = evaluate(body, closed.jaxpr, closed.consts, [*captured, *names])
  outputs = [body.add('Identity', [value])[0] for value in results]
  described = lambda names, variables: [
      _describe(name, x.aval.dtype)
      for name, x in zip(names, variables, strict=True)
  ]
  return list(
      graph.add(
          'Scan',
          operands[first:],
          len(outputs),
          body=onnx.helper.make_graph(
              body.nodes,
              f'{body.prefix}body',
              described(names, inner),
              described(outputs, closed.jaxpr.outvars),
          ),
          num_scan_inputs=len(inner) - params['num_carry'],
      )
  )


def _describe(
    name: str, dtype: Any, shape: Sequence[Any] | None = None
) -> onnx.ValueInfoProto:
  """Describes a tensor; without a shape it may have any."""
  element = onnx_operators.element_type(dtype)
  if shape is not None:
    shape = [x if isinstance(x, int) else str(x) for x in shape]
  return onnx.helper.make_tensor_value_info(name, element, shape)
