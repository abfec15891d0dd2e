"""Writes and reads splits as TFRecord shards.

A prepared folder is laid out as tensorflow-datasets lays out its own, so that
`tfds.builder_from_directory(folder)` opens it; `manifest.json` beside the
shards describes how it was made and what is in it.
"""

import contextlib
import errno
import pathlib

import numpy as np

from manloc_jax import files
from manloc_jax.data import compression
from manloc_jax.data import spec
from manloc_jax.data.sampling import patches
from manloc_jax.data.storage import prepared_set
from manloc_jax.data.storage.tensorflow_files import tf
from manloc_jax.data.storage.tensorflow_files import tfds

LABELS = ('pristine', 'manipulated')

# Raw bytes: PNG makes patches of photographs little smaller, and decoding it
# would take longer than reading the bytes.
FEATURES = tfds.features.FeaturesDict({
    'image': tfds.features.Tensor(
        shape=(spec.SIDE, spec.SIDE, 3), dtype=np.uint8, encoding='bytes'
    ),
    'mask': tfds.features.Tensor(
        shape=(spec.SIDE, spec.SIDE), dtype=np.uint8, encoding='bytes'
    ),
    'label': tfds.features.ClassLabel(names=LABELS),
    'image_index': tfds.features.Scalar(np.int64),
    'image_id': tfds.features.Text(),
    'box': tfds.features.Tensor(shape=(4,), dtype=np.int32),
    'source': tfds.features.ClassLabel(names=patches.SOURCES),
    'compression': tfds.features.Tensor(
        shape=compression.SHAPE, dtype=np.uint8, encoding='bytes'
    ),
})

_FORMAT = {
    'image': tf.io.FixedLenFeature([], tf.string),
    'mask': tf.io.FixedLenFeature([], tf.string),
    'label': tf.io.FixedLenFeature([], tf.int64),
    'image_index': tf.io.FixedLenFeature([], tf.int64),
    'image_id': tf.io.FixedLenFeature([], tf.string),
    'box': tf.io.FixedLenFeature([4], tf.int64),
    'source': tf.io.FixedLenFeature([], tf.int64),
    'compression': tf.io.FixedLenFeature([], tf.string),
}


def serialize(patch: spec.Patch, image_id: str, image_index: int) -> bytes:
  """Turns a patch into a `tf.train.Example` that `FEATURES` describes.

  Args:
    patch: The patch.
    image_id: Image it was cut from.
    image_index: Its index in the manifest's list of the split's images.
  """
  texts = {
      'image': patch.image.tobytes(),
      'mask': patch.mask.tobytes(),
      'image_id': image_id.encode(),
      'compression': patch.compression.tobytes(),
  }
  numbers = {
      'label': [patch.label],
      'image_index': [image_index],
      'box': patch.box,
      'source': [patches.SOURCES.index(patch.source)],
  }
  example = tf.train.Example()
  feature = example.features.feature
  for name, value in texts.items():
    feature[name].bytes_list.value.append(value)
  for name, values in numbers.items():
    feature[name].int64_list.value.extend(values)
  # A protocol buffer's map has no order of its own.
  return example.SerializeToString(deterministic=True)


# The padding of a batch.
BLANK = serialize(
    spec.Patch(
        image=np.zeros((spec.SIDE, spec.SIDE, 3), np.uint8),
        mask=np.zeros((spec.SIDE, spec.SIDE), np.uint8),
        label=0,
        box=(0, 0, 0, 0),
        source=patches.SOURCES[0],
        compression=compression.NONE,
    ),
    image_id='',
    image_index=0,
)


def parse(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
  """Decodes a whole batch at once.

  Args:
    serialized: string[batch].

  Returns:
    `image` uint8[batch, 64, 64, 3], `mask` uint8[batch, 64, 64], `label`,
    `image_index` and `source` int32[batch], `box` int32[batch, 4],
    `compression` uint8[batch, 8, 8, 34] and `image_id` string[batch].
  """
  raw = tf.io.parse_example(serialized, _FORMAT)
  shape = (-1, spec.SIDE, spec.SIDE)
  pixels = tf.io.decode_raw(raw['image'], tf.uint8)
  mask = tf.io.decode_raw(raw['mask'], tf.uint8)
  described = tf.io.decode_raw(raw['compression'], tf.uint8)
  numbers = ('label', 'image_index', 'source', 'box')
  return {
      'image': tf.reshape(pixels, (*shape, 3)),
      'mask': tf.reshape(mask, shape),
      'compression': tf.reshape(described, (-1, *compression.SHAPE)),
      'image_id': raw['image_id'],
      **{name: tf.cast(raw[name], tf.int32) for name in numbers},
  }


# Of a record: a length with its checksum, the patch, and its checksum. The
# name of its image may be long.
_LENGTH_BYTES, _CHECKSUM_BYTES = 8, 8
_MAX_RECORD_BYTES = 2 * len(BLANK) + 10_000


class SplitWriter:
  """Writes one split, the patches to its shards in turn.

  A context manager; `shards` describes what was written once it is closed.
  """

  def __init__(
      self, folder: pathlib.Path, dataset: str, split: str, num_shards: int
  ):
    template = _template(folder, dataset, split)
    self._paths = [
        pathlib.Path(path) for path in template.sharded_filepaths(num_shards)
    ]
    self._writers: list[tf.io.TFRecordWriter] = []
    self._counts = [0] * num_shards
    self.shards: list[dict] = []

  def __enter__(self) -> 'SplitWriter':
    self._writers = [tf.io.TFRecordWriter(str(p)) for p in self._paths]
    return self

  def write(self, patch: spec.Patch, image_id: str, image_index: int) -> None:
    """Appends an example to the next shard, see `serialize`."""
    shard = sum(self._counts) % len(self._counts)
    with _plain_disk_errors():
      self._writers[shard].write(serialize(patch, image_id, image_index))
    self._counts[shard] += 1

  def __exit__(self, kind, value, traceback) -> None:
    with _plain_disk_errors():
      for writer in self._writers:
        writer.close()
    self.shards = [
        {'name': path.name, 'examples': count, 'bytes': path.stat().st_size}
        for path, count in zip(self._paths, self._counts, strict=True)
    ]


def write_metadata(
    folder: pathlib.Path,
    dataset: spec.Dataset,
    splits: dict[str, list[dict]],
) -> None:
  """Writes the metadata of tensorflow-datasets about the shards.

  Args:
    folder: The prepared folder.
    dataset: Gives name, description, homepage and citation.
    splits: `SplitWriter.shards` of each split.
  """
  infos = [
      tfds.core.SplitInfo(
          name=split,
          shard_lengths=[shard['examples'] for shard in shards],
          num_bytes=sum(shard['bytes'] for shard in shards),
          filename_template=_template(folder, dataset.name, split),
      )
      for split, shards in splits.items()
  ]
  with _plain_disk_errors():
    tfds.folder_dataset.write_metadata(
        data_dir=folder,
        features=FEATURES,
        split_infos=infos,
        version='1.0.0',
        check_data=False,
        description=dataset.description,
        homepage=dataset.homepage,
        citation=dataset.citation,
    )


def check_lengths(path: pathlib.Path) -> None:
  """Checks the lengths of the records of a shard; reads no record.

  TensorFlow takes as much memory as a length says before it reads the record.

  Raises:
    DataError: A length is not one of a patch, or goes beyond the end.
  """
  with files.open_regular(path) as file:
    end = file.seek(0, 2)
    at = 0
    while at < end:
      file.seek(at)
      length = int.from_bytes(file.read(_LENGTH_BYTES), 'little')
      at += _LENGTH_BYTES + length + _CHECKSUM_BYTES
      if length > _MAX_RECORD_BYTES or at > end:
        raise spec.DataError(
            f'The shard {path} is damaged (a record of {length:,} bytes); '
            'delete its folder and run the preparation again.'
        )


def damage(
    prepared: prepared_set.PreparedSet, split: str, error: Exception
) -> Exception:
  """Finds the shard that caused a reading error, by reading each to its end.

  Args:
    prepared: The prepared set.
    split: The split whose reading failed.
    error: The error of TensorFlow, which does not always name the file.

  Returns:
    A DataError that names the shard, or `error` if all shards can be read.
  """
  for path in prepared.shard_paths(split):
    try:
      for batch in tf.data.TFRecordDataset(str(path)).batch(256):
        parse(batch)
    except tf.errors.OpError as cause:
      return spec.DataError(
          f'The shard {path} is damaged ({_first_line(cause)}); delete '
          f'{prepared.folder} and run the preparation again.'
      )
  return error


def _first_line(error: tf.errors.OpError) -> str:
  return error.message.splitlines()[0] if error.message else str(error.code)


def _template(
    folder: pathlib.Path, dataset: str, split: str
) -> tfds.core.ShardedFileTemplate:
  return tfds.core.ShardedFileTemplate(
      data_dir=folder,
      dataset_name=dataset,
      split=split,
      filetype_suffix='tfrecord',
  )


@contextlib.contextmanager
def _plain_disk_errors():
  """Turns TensorFlow's error of a full disk into an OSError."""
  try:
    yield
  except tf.errors.ResourceExhaustedError as error:
    raise OSError(errno.ENOSPC, _first_line(error)) from error
