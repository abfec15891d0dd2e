import numpy as np
import pytest

from manloc_jax.models import blocks


@pytest.mark.parametrize('order', blocks.ORDERS)
@pytest.mark.parametrize('channels', [1, 3])
def test_merge_inverts_split_exactly(order, channels):
  x = np.random.default_rng(0).normal(size=(2, 64, 64, channels))
  sequence = blocks.to_sequence(x, 8, order)
  assert sequence.shape == (2, 64, 64 * channels)
  np.testing.assert_array_equal(
      blocks.to_map(sequence, 8, order, channels), x
  )


def test_raster_order_reads_blocks_row_by_row():
  x = np.zeros((1, 64, 64, 1))
  x[0, 8:16, 16:24, 0] = np.arange(64).reshape(8, 8)
  sequence = blocks.to_sequence(x, 8)
  np.testing.assert_array_equal(sequence[0, 8 + 2], np.arange(64))
  assert np.count_nonzero(sequence) == 63


def test_orders_are_what_they_say():
  np.testing.assert_array_equal(blocks.scan_order(2, 'row'), [0, 1, 2, 3])
  np.testing.assert_array_equal(blocks.scan_order(2, 'column'), [0, 2, 1, 3])
  for grid in (1, 2, 4, 8):
    steps = blocks.scan_order(grid, 'hilbert')
    assert sorted(steps) == list(range(grid * grid))
    rows, columns = np.divmod(steps, grid)
    walked = abs(np.diff(rows)) + abs(np.diff(columns))
    assert (walked == 1).all(), 'each step enters a neighbouring block'


@pytest.mark.parametrize(
    'call, match',
    [
        (lambda: blocks.scan_order(8, 'spiral'), 'spiral'),
        (lambda: blocks.scan_order(6, 'hilbert'), 'power of two'),
        (lambda: blocks.to_sequence(np.zeros((1, 60, 60, 1)), 8), '60x60'),
        (lambda: blocks.to_map(np.zeros((1, 64, 200)), 8), 'lstm_hidden'),
    ],
)
def test_misfits_are_named(call, match):
  with pytest.raises(ValueError, match=match):
    call()
