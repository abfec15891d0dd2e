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
  step n on are those of an uninterrupted run. An epoch ends with its
  last full batch: the rest, different patches in each epoch, is dropped.

  Args:
    prepared: The prepared set, of shards.
    split: The split.
    batch_size: Patches per batch of this process.
    seed: Fixes the order.
    start_step: Batches to skip; those of earlier epochs are not read.
    process: `(index, count)` of this process, which reads its own shard.

  Yields:
    `image` uint8[batch, 64, 64, 3], `mask` uint8[batch, 64, 64],
    `compression` uint8[batch, 8, 8, 34], `label` int32[batch] and `weight`
    f32[batch], all one.

  Raises:
    DataError: There are too few patches, or a shard is damaged.
  """
  tensorflow_files.hide_accelerators()
  index, processes = process
  paths = _paths(prepared, split)
  total = prepared.count(split)
  steps = prepared.epoch_steps(split, batch_size, processes)
  first = start_step // steps

  def epoch_of(epoch):
    """Returns the records of an epoch that are left, in its own order."""
    ds = tf.data.TFRecordDataset(paths).shard(processes, index)
    # Shuffle serialised records: decoding what is then skipped is wasted.
    ds = ds.shuffle(
        min(total, SHUFFLE_RECORDS),
        seed=tf.random.stateless_uniform(
            [], [seed, epoch], 0, tf.int64.max, tf.int64
        ),
        reshuffle_each_iteration=False,
    )
    skip = tf.cast(epoch == first, tf.int64) * (start_step % steps)
    return ds.skip(skip * batch_size).take((steps - skip) * batch_size)

  epochs = tf.data.Dataset.range(first, tf.int64.max)
  ds = epochs.flat_map(epoch_of).batch(batch_size, drop_remainder=True)
  ds = ds.map(_train_example, tf.data.AUTOTUNE)
  yield from _iterate(ds, prepared, split)


def eval_batches(
    prepared: prepared_set.PreparedSet,
    split: str,
    *,
    batch_size: int,
    process: tuple[int, int] = (0, 1),
) -> Iterator[Batch]:
  """Yields every patch once, in order.

  The last batches are padded with patches of weight zero, so that all have one
  shape, and every process gets equally many, for they wait for each other.

  Args:
    prepared: The prepared set, of shards.
    split: The split.
    batch_size: Patches per batch of this process.
    process: `(index, count)` of this process, which reads its own shard.

  Yields:
    As `train_batches`, and `image_index` int32[batch], `source` int32[batch]
    and `box` int32[batch, 4].

  Raises:
    DataError: A shard is damaged.
  """
  tensorflow_files.hide_accelerators()
  index, processes = process
  total = prepared.count(split)
  own = len(range(index, total, processes))
  # Process 0 has the largest shard; the others are padded to its length.
  longest = len(range(0, total, processes))
  padding = -(-longest // batch_size) * batch_size - own
  ds = tf.data.TFRecordDataset(_paths(prepared, split))
  ds = ds.shard(processes, index)
  blank = tf.data.Dataset.from_tensors(records.BLANK).repeat(padding)
  ds = tf.data.Dataset.zip(
      ds.concatenate(blank),
      tf.data.Dataset.range(own + padding).map(lambda i: i < own),
  )
  ds = ds.batch(batch_size).map(_eval_example, tf.data.AUTOTUNE)
  yield from _iterate(ds, prepared, split)


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
