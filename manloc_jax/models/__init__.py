"""The networks of the paper as pure functions of their parameters."""

from manloc_jax.models.network import JConvLSTMConv
from manloc_jax.models.network import Outputs
from manloc_jax.models.network import SIDE
from manloc_jax.models.network import abstract_params

__all__ = ['SIDE', 'JConvLSTMConv', 'Outputs', 'abstract_params']
