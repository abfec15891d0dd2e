"""Finds out which images a run was trained on."""

from collections.abc import Collection, Mapping, Sequence
import dataclasses
import pathlib
from typing import Any

from manloc_jax import errors
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
    records: Images of training and validation; empty where they are unknown.
    test_ids: The images for test.
    root: Folder of the image tree when the run was trained.
  """

  dataset: str
  split_digest: str
  records: Sequence[spec.Record] = ()
  test_ids: Collection[str] = ()
  root: pathlib.Path | None = None


def training_of(method: str, workdir: str | None) -> Training | None:
  """Returns the images that a method was trained on; None if it was not.

  Args:
    method: One of `run_config.METHODS`, or `maps`, whose training is unknown.
    workdir: Folder of a run; without one the fusion has packaged weights.
  """
  if method == run_config.FUSION and workdir is None:
    from manloc_jax.localization.fusion import weights

    about = weights.load(pretrained.FUSION).provenance
    data = about.get('config', {}).get('data', {})
    return Training(data.get('name', ''), about.get('split_digest', ''))
  if method not in (run_config.FUSION, run_config.NETWORK) or workdir is None:
    return None
  data = run_config.read(workdir).data
  path = pathlib.Path(workdir) / run_config.SPLIT
  digest = path.read_text() if path.exists() else ''
  return _from_manifest(data, digest) or _from_tree(data, digest)


def _from_manifest(data: Any, digest: str) -> Training | None:
  """Looks for the prepared set with a split."""
  folder = pathlib.Path(data.get('prepared') or '.')
  for path in sorted(folder.glob(f'{data.name}-*/{manifest.FILE}')):
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
    return Training(content['dataset'], digest, records, ids, root)
  return None


def _record(image: Mapping[str, Any], root: pathlib.Path) -> spec.Record:
  return spec.Record(
      image_id=image['image_id'],
      image=root / image['image'],
      mask=root / image['mask'] if image['mask'] else None,
      group=image['group'],
      manipulation=image['manipulation'],
  )


def _from_tree(data: Any, digest: str) -> Training:
  """Splits the images that a run was trained on once more."""
  unknown = Training(data.name, digest)
  if not data.get('root') or not pathlib.Path(data.root).is_dir():
    return unknown
  try:
    found, _ = datasets.get(data.name).find_records(pathlib.Path(data.root))
    records = {
        x.image_id: x
        for x in found
        if x.mask is not None or data.get('use_pristine')
    }
    split = rules.split_by_rule(
        data.split_rule, records.values(), data.seed, data.fractions
    )
  except (AttributeError, errors.UserError):
    return unknown
  if rules.digest(split) != digest:
    return unknown
  trained = [records[x] for name in TRAINED for x in split[name]]
  test_ids = set(split['test'])
  return Training(
      data.name, digest, trained, test_ids, pathlib.Path(data.root)
  )
