"""The checks of `audit.py` that read pixels."""

from collections.abc import Iterable
import dataclasses
import pathlib

import numpy as np

from manloc_jax.data import spec
from manloc_jax.data.audit import checks


def run(tree: checks.Tree) -> list[checks.Check]:
  """Makes all checks that read pixels, unless no file was opened."""
  if not tree.decoded:
    text = f'{checks.NOT_OPENED}, so nothing is known of {", ".join(_CHECKS)}'
    return [checks.Check('pixels', checks.SKIPPED, text)]
  return [check(name, tree) for name, check in _CHECKS.items()]


def _readable(name: str, tree: checks.Tree) -> checks.Check:
  items = [facts.error for facts in tree.decoded.values() if facts.error]
  text = f'of {len(tree.decoded)} files cannot be read'
  return checks.wrong(name, items, text)


def _sizes(name: str, tree: checks.Tree) -> checks.Check:
  items = []
  for record, image, mask in _pairs(tree):
    if image.size != mask.size:
      turned = ', which fits once one is turned'
      items.append(
          f'{tree.name(record.image)} has {_text(image.size)} pixels and its '
          f'mask {_text(mask.size)}'
          f'{turned if image.size == mask.size[::-1] else ""}'
      )
  different = {
      tree.decoded[record.image].size for record in tree.readable()
  }
  check = checks.wrong(name, items, 'masks are not of the size of their image')
  if check.status == checks.OK and different:
    least, most = (pick(different, key=np.prod) for pick in (min, max))
    text = f'{len(different)} sizes, {_text(least)} to {_text(most)}'
    check = dataclasses.replace(check, text=text)
  return check


def _orientation(name: str, tree: checks.Tree) -> checks.Check:
  items = [
      f'{tree.name(path)} has the orientation {facts.orientation}'
      for path, facts in tree.decoded.items()
      if facts.orientation != 1
  ]
  fitting = sum(
      image.orientation >= 5  # Those exchange height and width.
      and image.size != mask.size
      and image.size == mask.size[::-1]
      for _, image, mask in _pairs(tree)
  )
  if fitting:
    text = f'masks only fit once their images are turned; {len(items)} tags'
    return checks.Check(name, checks.WRONG, f'{fitting} {text}', items)
  return checks.note(name, items, 'images ask to be turned, and are not')


def _masks(name: str, tree: checks.Tree) -> checks.Check:
  fractions = _manipulated_fractions(tree)
  items = [
      f'{tree.name(path)} marks {"every" if fraction else "no"} pixel'
      for path, fraction in fractions.items()
      if fraction in (0, 1)
  ]
  text = f'of {len(fractions)} masks mark all or nothing'
  return checks.wrong(name, items, text)


def _polarity(name: str, tree: checks.Tree) -> checks.Check:
  fractions = _manipulated_fractions(tree)
  items = [
      f'{tree.name(path)} marks {fraction:.0%} of the pixels'
      for path, fraction in fractions.items()
      if fraction > 0.5
  ]
  if not fractions:
    return checks.Check(name, checks.SKIPPED, 'no mask could be read')
  mean = np.mean(list(fractions.values()))
  text = f'{mean:.1%} of the pixels are manipulated'
  if mean > 0.5:
    text += ': the masks may have the other polarity'
    return checks.Check(name, checks.WRONG, text, items)
  if items:
    text += f'; {len(items)} masks mark more than half of their image'
  return checks.Check(name, checks.NOTE if items else checks.OK, text, items)


def _conversions(name: str, tree: checks.Tree) -> checks.Check:
  items = [
      f'{tree.name(path)}: {facts.note}'
      for path, facts in tree.decoded.items()
      if facts.note
  ]
  return checks.note(name, items, 'images are not 8-bit RGB')


def _small_images(name: str, tree: checks.Tree) -> checks.Check:
  items = [
      f'{tree.name(record.image)} has {_text(size)} pixels'
      for record in tree.readable()
      if min(size := tree.decoded[record.image].size) < spec.SIDE
  ]
  text = f'images are smaller than {spec.SIDE}x{spec.SIDE} pixels'
  return checks.note(name, items, text)


def _duplicate_images(name: str, tree: checks.Tree) -> checks.Check:
  items = checks.alike({
      record.image_id: tree.decoded[record.image].digest
      for record in tree.readable()
  })
  return checks.wrong(name, items, 'sets of images with the same pixels')


def _pairs(
    tree: checks.Tree,
) -> Iterable[tuple[spec.Record, checks.FileFacts, checks.FileFacts]]:
  """Yields the facts of the images and masks that could be read."""
  for record in tree.readable(masked=True):
    if record.mask is not None:
      yield record, tree.decoded[record.image], tree.decoded[record.mask]


def _manipulated_fractions(tree: checks.Tree) -> dict[pathlib.Path, float]:
  """Returns the manipulated fraction of every mask that could be read."""
  paths = dict.fromkeys(
      record.mask for record in tree.records if record.mask
  )
  return {
      path: tree.decoded[path].manipulated
      for path in paths
      if not tree.decoded[path].error
  }


def _text(size: tuple[int, int]) -> str:
  return f'{size[1]}x{size[0]}'


_CHECKS = {
    'readable': _readable,
    'sizes': _sizes,
    'orientation': _orientation,
    'masks': _masks,
    'polarity': _polarity,
    'conversions': _conversions,
    'small images': _small_images,
    'duplicate images': _duplicate_images,
}
