"""Scores that are not finite are refused."""

import numpy as np
import pytest

from manloc_jax import errors
from manloc_jax.metrics import totals as totals_lib


def totals(**changes):
  zeros = np.zeros((1, 2, 4), np.int32)
  fields = {
      'patches': zeros,
      'pixels': zeros,
      'postprocessed': {},
      'positives': np.zeros((4, 4), np.int32),
      'loss': np.ones(3),
      'objective': np.ones(3),
      'non_finite': np.zeros(2, np.int32),
  }
  return totals_lib.Totals(**{**fields, **changes})


def test_finite_scores_pass():
  totals_lib.check_finite(totals(), 'The network')


@pytest.mark.parametrize(
    'changes, words',
    [
        ({'non_finite': np.array([0, 7])}, '0 patches and 7 pixels'),
        ({'non_finite': np.array([3, 0])}, '3 patches and 0 pixels'),
        ({'loss': np.array([1.0, np.nan, 1.0])}, 'a loss that is not finite'),
        ({'objective': np.array([np.inf, 1.0, 1.0])}, 'a loss that is not'),
    ],
)
def test_what_is_not_finite_is_refused_by_name(changes, words):
  with pytest.raises(errors.UserError, match=f'^Checkpoint 7 .*{words}'):
    totals_lib.check_finite(totals(**changes), 'Checkpoint 7')
