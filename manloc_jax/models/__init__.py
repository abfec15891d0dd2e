"""The networks of the paper as pure functions of their parameters."""

from manloc_jax.models.network import JConvLSTMConv
from manloc_jax.models.network import Outputs

__all__ = ['JConvLSTMConv', 'Outputs']
