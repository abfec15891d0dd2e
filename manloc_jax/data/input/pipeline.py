"""Reads shards as NumPy batches, with tf.data.

Nothing here depends on JAX: index and number of processes are arguments.
"""

from collections.abc import Iterator

import numpy as np

from manloc_jax.data.storage import prepared_set
from manloc_jax.data.storage import records
from manloc_jax.data.storage import tensorflow_files
from manloc_jax.data.storage.tensorflow_files import tf

# Records of the shuffle buffer, about 1.1 GB when full. A split that fits is
# shuffled as a whole; images of a larger one lie in random order on disk.
SHUFFLE_RECORDS = 65_536

Batch = dict[str, np.ndarray]
FIELDS = ('image', 'mask', 'label', 'compression')  # Of training.


def train_batches(
    prepared: prepared_set.PreparedSet,
    *,
    split: str = 'train',
    batch_size: int,
    seed: int,
    start_step: int = 0,
    process: tuple[int, int] = (0, 1),
) -> Iterator[Batch]:
  """Yields shuffled batches for ever.

  The order is a function of the seed and the epoch alone, so batches from
  step n on are those of an uninterrupted run, and the batches of all processes
  together are those of a single one. An epoch ends with its last full batch:
  the rest, different patches in each epoch, is dropped.

  Args:
    prepared: The prepared set, of shards.
    split: The split.
    batch_size: Patches per batch of this process.
    seed: Fixes the order.
    start_step: Batches to skip; those of earlier epochs are not read.
    process: `(index, count)` of this process. Each reads all records and
      decodes its own, the rows of a batch of all processes from
      `index * batch_size` on.

  Yields:
    `image` uint8[batch, 64, 64, 3], `mask` uint8[batch, 64, 64],
    `compression` uint8[batch, 8, 8, 34], `label` int32[batch] and `weight`
    f32[batch], all one.

  Raises:
    DataError: There are too few patches, or a shard is damaged.
  """
  tensorflow_files.hide_accelerators()
  of_all = batch_size * process[1]
  paths = _paths(prepared, split)
  total = prepared.count(split)
  steps = prepared.epoch_steps(split, of_all)
  first = start_step // steps

  def epoch_of(epoch):
    """Returns the records of an epoch that are left, in its own order."""
    ds = tf.data.TFRecordDataset(paths)
    # Shuffle serialised records: decoding what is then skipped is wasted.
    ds = ds.shuffle(
        min(total, SHUFFLE_RECORDS),
        seed=tf.random.stateless_uniform(
            [], [seed, epoch], 0, tf.int64.max, tf.int64
        ),
        reshuffle_each_iteration=False,
    )
    skip = tf.cast(epoch == first, tf.int64) * (start_step % steps)
    return ds.skip(skip * of_all).take((steps - skip) * of_all)

  epochs = tf.data.Dataset.range(first, tf.int64.max)
  ds = epochs.flat_map(epoch_of).batch(of_all, drop_remainder=True)
  own = _own_rows(batch_size, process)
  ds = ds.map(lambda rows: _train_example(rows[own]), tf.data.AUTOTUNE)
  yield from _iterate(ds, prepared, split)


def eval_batches(
    prepared: prepared_set.PreparedSet,
    split: str,
    *,
    batch_size: int,
    process: tuple[int, int] = (0, 1),
) -> Iterator[Batch]:
  """Yields every patch once, in order.

  The last batch is padded with patches of weight zero, so that all have one
  shape, and every process gets equally many, for they wait for each other.

  Args:
    prepared: The prepared set, of shards.
    split: The split.
    batch_size: Patches per batch of this process.
    process: See `train_batches`.

  Yields:
    As `train_batches`, and `image_index` int32[batch], `source` int32[batch]
    and `box` int32[batch, 4].

  Raises:
    DataError: A shard is damaged.
  """
  tensorflow_files.hide_accelerators()
  of_all = batch_size * process[1]
  total = prepared.count(split)
  padding = -total % of_all
  blank = tf.data.Dataset.from_tensors(records.BLANK).repeat(padding)
  ds = tf.data.Dataset.zip(
      tf.data.TFRecordDataset(_paths(prepared, split)).concatenate(blank),
      tf.data.Dataset.range(total + padding).map(lambda i: i < total),
  )
  own = _own_rows(batch_size, process)
  ds = ds.batch(of_all).map(
      lambda rows, is_real: _eval_example(rows[own], is_real[own]),
      tf.data.AUTOTUNE,
  )
  yield from _iterate(ds, prepared, split)


def _own_rows(batch_size: int, process: tuple[int, int]) -> slice:
  """Returns the rows of one process in a batch of all of them."""
  first = process[0] * batch_size
  return slice(first, first + batch_size)


def _paths(prepared: prepared_set.PreparedSet, split: str) -> list[str]:
  paths = prepared.shard_paths(split)
  for path in paths:
    records.check_lengths(path)
  return [str(path) for path in paths]


def _train_example(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
  parsed = records.parse(serialized)
  return {
      **{name: parsed[name] for name in FIELDS},
      'weight': tf.ones_like(parsed['label'], tf.float32),
  }


def _eval_example(
    serialized: tf.Tensor, is_real: tf.Tensor
) -> dict[str, tf.Tensor]:
  parsed = records.parse(serialized)
  del parsed['image_id']  # JAX has no strings.
  return {**parsed, 'weight': tf.cast(is_real, tf.float32)}


def _iterate(
    ds: tf.data.Dataset, prepared: prepared_set.PreparedSet, split: str
) -> Iterator[Batch]:
  """Yields batches, read ahead in the background; names a damaged shard."""
  # Bound here: at exit an open generator outlives the module's names.
  failure = tf.errors.OpError
  try:
    yield from ds.prefetch(tf.data.AUTOTUNE).as_numpy_iterator()
  except failure as error:
    cause = records.damage(prepared, split, error)
    if cause is error:
      raise
    raise cause from error
