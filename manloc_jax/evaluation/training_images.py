"""Finds out which images a run was trained on."""

from collections.abc import Collection, Mapping, Sequence
import dataclasses
import pathlib
from typing import Any

from manloc_jax import errors
from manloc_jax import files
from manloc_jax import pretrained
from manloc_jax import run_config
from manloc_jax.data import datasets
from manloc_jax.data import spec
from manloc_jax.data.splits import rules
from manloc_jax.data.storage import manifest

TRAINED = ('train', 'val')  # Checkpoint and threshold are chosen on `val`.


@dataclasses.dataclass(frozen=True)
class Training:
  """The images of a run.

  Attributes:
    dataset: Key of `datasets.DATASETS`; empty where it is unknown.
    split_digest: Identifies the images of train, val and test.
    data: Section `data` of its config, which says how images were split.
    records: Images of training and validation; empty where they are unknown.
    test_ids: The images for test.
    root: Folder of the image tree when the run was trained.
  """

  dataset: str
  split_digest: str
  data: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  records: Sequence[spec.Record] = ()
  test_ids: Collection[str] = ()
  root: pathlib.Path | None = None


def training_of(method: str, workdir: str | None) -> Training | None:
  """Returns the images that a method was trained on; None if it was not.

  Args:
    method: One of `run_config.METHODS`, or `maps`, whose training is unknown.
    workdir: Folder of a run or file of weights; the packaged ones without it.

  Raises:
    UserError: There are no such weights, or no such run.
  """
  if method not in (run_config.FUSION, run_config.NETWORK):
    return None
  from manloc_jax.training import weight_files

  if workdir is None or weight_files.is_named(workdir):
    return _of_weights(method, workdir)
  data = run_config.read(workdir).data.to_dict()
  path = pathlib.Path(workdir) / run_config.SPLIT
  digest = files.read_text(path) if path.exists() else ''
  made = _from_manifest(data, digest)
  if made is None:
    made = Training(data['name'], digest, data)
    if data.get('root'):
      made = split_again(made, data['name'], pathlib.Path(data['root']))
  return made


def _of_weights(method: str, path: str | None) -> Training:
  """Returns what a file of weights says of its training."""
  if method == run_config.FUSION:
    from manloc_jax.localization.fusion import weights

    origin = weights.load(pathlib.Path(path or pretrained.FUSION)).provenance
    data = origin.get('config', {}).get('data', {})
  else:
    from manloc_jax.training import network_weights

    origin = network_weights.load(path or pretrained.NETWORK).provenance
    data = origin.get('data', {})
  return Training(data.get('name', ''), origin.get('split_digest') or '', data)


def _from_manifest(data: Mapping[str, Any], digest: str) -> Training | None:
  """Looks for the prepared set with a split."""
  folder = pathlib.Path(data.get('prepared') or '.')
  for path in sorted(folder.glob(f'{data["name"]}-*/{manifest.FILE}')):
    try:
      content = manifest.read(path.parent)
    except spec.DataError:
      continue
    if content.get('split_digest') != digest:
      continue
    root = pathlib.Path(content['root'])
    records = [
        _record(image, root)
        for split in TRAINED
        for image in content['splits'][split]['images']
    ]
    test = content['splits']['test']['images']
    ids = {image['image_id'] for image in test}
    return Training(content['dataset'], digest, data, records, ids, root)
  return None


def _record(image: Mapping[str, Any], root: pathlib.Path) -> spec.Record:
  return spec.Record(
      image_id=image['image_id'],
      image=root / image['image'],
      mask=root / image['mask'] if image['mask'] else None,
      group=image['group'],
      manipulation=image['manipulation'],
  )


def split_again(
    training: Training, dataset: str, root: pathlib.Path
) -> Training:
  """Finds the images of a training in an image tree.

  Args:
    training: A training, whose images may be unknown.
    dataset: Key of `datasets.DATASETS`.
    root: Folder of the image tree.

  Returns:
    The training with its images, if it had none and the tree, split as its
    config says, gives the very split of its digest; otherwise as it was.
  """
  data = training.data
  if training.records or training.dataset != dataset or not root.is_dir():
    return training
  try:
    found, _ = datasets.find_records(
        dataset, root, allow_outside=bool(data.get('allow_outside'))
    )
    records = {
        x.image_id: x
        for x in found
        if x.mask is not None or data.get('use_pristine')
    }
    split = rules.split_by_rule(
        data['split_rule'], records.values(), data['seed'], data['fractions']
    )
  except (KeyError, errors.UserError):
    return training
  if rules.digest(split) != training.split_digest:
    return training
  return dataclasses.replace(
      training,
      records=[records[x] for name in TRAINED for x in split[name]],
      test_ids=set(split['test']),
      root=root,
  )
