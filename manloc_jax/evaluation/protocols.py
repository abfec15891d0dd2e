"""The protocols of this field by name; scores of two are never in one table.

Each function makes the scores of its protocol from the rows of a set, and says
in its docstring what is computed, who evaluates so, and what to beware of.
`docs/protocols.md` holds the same in prose.
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
from typing import Any

import numpy as np

from manloc_jax.evaluation import bootstrap

Scores = dict[str, bootstrap.Score]
Baselines = dict[str, dict[str, float]]


@dataclasses.dataclass(frozen=True)
class Images:
  """The scored images of a set, without those that are left out.

  Attributes:
    rows: Of `scoring.Scored`.
    pooled: Scores of the pixels of all manipulated images, by name.
    prevalence: Manipulated pixels among those of all manipulated images.
    image_threshold: Image scores from here on count as manipulated; None where
      the method fixes none.
    is_probability: Whether 0.5 separates the values of all maps.
  """

  rows: Sequence[Mapping[str, Any]]
  pooled: Scores
  prevalence: float
  image_threshold: float | None
  is_probability: bool

  def column(self, name: str) -> np.ndarray:
    """Returns f64[images]; NaN where an image lacks this measure."""
    values = [row.get(name) for row in self.rows]
    return np.array([np.nan if x is None else x for x in values], np.float64)

  @property
  def is_manipulated(self) -> np.ndarray:
    """Returns bool[images]."""
    return np.array([row['is_manipulated'] for row in self.rows], bool)

  def fractions(self, of: str) -> np.ndarray:
    """Returns the manipulated fraction of images that have a measure."""
    values = self.column(of)
    return self.column('manipulated')[~np.isnan(values)]


def whole_image(images: Images) -> tuple[Scores, Baselines]:
  """Ranks the pixels of each manipulated image, at native resolution.

  Definition: Area under the ROC curve (AUC) and average precision (AP) of
    pixels. `image_mean` is the mean over the images that hold both classes,
    `pooled` one curve over the pixels of all manipulated images. No map is
    inverted, and a constant map has an AUC of 0.5.
  Source: Pooled AUC is what Bappy et al. (ICCV 2017) most likely print, and the
    AUROC of photoholmes; the mean over images is that of IMDL-BenCo and of
    photoholmes' mAuroc.
  Pitfalls: Large images dominate pooled scores, which also need one scale for
    all images. AP grows with the manipulated fraction: compare it on the same
    images only. Others average images of one class in as 0.
  """
  scores = {
      'pixel_auc_image_mean': bootstrap.mean(images.column('auc')),
      **images.pooled,
      'pixel_average_precision_image_mean': bootstrap.mean(
          images.column('average_precision')
      ),
  }
  prevalence = _mean(images.fractions('auc'))
  chance = {
      'pixel_auc_image_mean': 0.5,
      'pixel_auc_pooled': 0.5,
      'pixel_average_precision_pooled': images.prevalence,
      'pixel_average_precision_image_mean': prevalence,
  }
  return scores, {'random or constant': chance}


def f1_fixed(images: Images) -> tuple[Scores, Baselines]:
  """Scores masks at a threshold that was fixed beforehand.

  Definition: F1 and IoU of manipulated pixels, per image, mean over the
    manipulated images. `at_half` thresholds the map at 0.5, where its values
    are probabilities; `of_mask` takes the mask of `manloc localize`, at the
    threshold that a method comes with (Otsu's for classical ones). An empty
    mask scores 0.
  Source: MVSS-Net, CAT-Net, IML-ViT, IMDL-BenCo and most tables since.
  Pitfalls: It measures calibration as much as localization. Authentic images
    have no F1: MVSS-Net's code gives 1 for an empty mask, IMDL-BenCo's 0; here
    they do not count. Resizing images to 512 or 1024 pixels changes the score.
  """
  names = {
      'pixel_f1_at_half_image_mean': 'f1_half',
      'pixel_iou_at_half_image_mean': 'iou_half',
      'pixel_f1_of_mask_image_mean': 'f1_mask',
      'pixel_iou_of_mask_image_mean': 'iou_mask',
  }
  return _fixed(images, names)


def f1_best(images: Images) -> tuple[Scores, Baselines]:
  """Scores masks at the threshold that is best for each image: an oracle.

  Definition: The highest F1 over all thresholds, image by image with its truth,
    and its IoU, mean over the manipulated images.
  Source: MFCN and RGB-N; `best` of TruFor is `permuted` besides.
  Pitfalls: Nobody has this threshold: it inflates F1 two- to threefold. Any
    map, also a constant one, reaches the F1 of marking everything.
  """
  names = {
      'pixel_f1_oracle_image_mean': 'f1_best',
      'pixel_iou_oracle_image_mean': 'iou_best',
  }
  scores, baselines = _fixed(images, names)
  full = baselines['all manipulated']
  return scores, {'all manipulated, or constant': full}


def permuted(images: Images) -> tuple[Scores, Baselines]:
  """Scores a map or its inverse, whichever is better, without borders.

  Definition: F1 of the map and of the inverted map, the better of both for each
    image, at the best threshold (`oracle`) and at 0.5. Pixels that an erosion
    of the manipulated area by a square of 15 pixels or its dilation by one of
    11 changes are not scored. Regions that the erosion leaves empty score 0.
  Source: TruFor (CVPR 2023, Table 1), after EXIF-SC; `double` of IMDL-BenCo is
    without the border.
  Pitfalls: It lifts maps that rank at chance, the more the larger the region,
    and it hides the precision at the border. TruFor takes scores above 0.5 and
    not from 0.5 on.
  """
  names = {
      'pixel_f1_permuted_oracle_image_mean': 'f1_permuted_best',
      'pixel_f1_permuted_at_half_image_mean': 'f1_permuted_half',
  }
  scores = _means(images, names)
  full = bootstrap.mean(images.column('f1_permuted_all')).value
  return scores, {'all manipulated, or constant': dict.fromkeys(scores, full)}


def detection(images: Images) -> tuple[Scores, Baselines]:
  """Tells manipulated from pristine images.

  Definition: Each image has one score: the method's own, or the 99th percentile
    of its map. AUC over images; balanced accuracy where an image counts as
    manipulated from a threshold on that was fixed beforehand: that of the
    method's mask, where it is the same for all images and the score is no
    probability of a forgery, and 0.5 for probabilities. False-alarm area: the
    mean fraction of pristine images that the mask, or 0.5, marks.
  Source: AUC and balanced accuracy as in TruFor; MVSS-Net takes the highest
    pixel of the map.
  Pitfalls: Where pristine and forged images were saved differently, as in
    CASIA, the file gives the answer away. `F1` in tables of MVSS-Net is the
    harmonic mean of sensitivity and specificity. The networks here were not
    trained to detect.
  """
  scores, truth = images.column('image_score'), images.is_manipulated
  made = {'image_auc': bootstrap.image_auc(scores, truth)}
  thresholds = {}
  if images.image_threshold is not None:
    thresholds['image_accuracy_balanced_at_threshold'] = images.image_threshold
  if images.is_probability:
    thresholds['image_accuracy_balanced_at_half'] = 0.5
  for name, threshold in thresholds.items():
    predicted = np.where(np.isnan(scores), np.nan, scores >= threshold)
    made[name] = bootstrap.balanced_accuracy(predicted, truth)
  areas = {'marked': 'false_alarm_area_of_mask'}
  if images.is_probability:
    areas['marked_half'] = 'false_alarm_area_at_half'
  for column, name in areas.items():
    made[name] = bootstrap.mean(
        np.where(truth, np.nan, images.column(column))
    )
  made = {name: score for name, score in made.items() if score.images}
  is_area = {name: name in areas.values() for name in made}
  return made, {
      'random or constant': {
          name: 0.5 for name in made if not is_area[name]
      },
      'all pristine': {
          name: 0.0 if is_area[name] else 0.5 for name in made
      },
  }


def copy_move(images: Images) -> tuple[Scores, Baselines]:
  """Scores where a copy went and where it came from, apart.

  Definition: For images whose truth tells both: AUC of the target against the
    rest of the image, of the source against the rest, and of the target against
    the source; recall of both in the mask. Mean over images.
  Source: Ours. Papers on copy-move such as BusterNet and DOA-GAN tell source
    and target apart, too; their own scores are not computed.
  Pitfalls: Sets whose masks hold source and target as one (CoMoFoD) cannot be
    scored so. Where the truth holds the target alone, a method that finds both
    copies, such as patchmatch, loses in all other protocols for being right.
  """
  names = {
      'pixel_auc_target_image_mean': 'auc_target',
      'pixel_auc_source_image_mean': 'auc_source',
      'pixel_auc_target_over_source_image_mean': 'auc_target_over_source',
      'pixel_recall_target_image_mean': 'recall_target',
      'pixel_recall_source_image_mean': 'recall_source',
  }
  scores = _means(images, names)
  areas = [name for name in scores if 'auc' in name]
  return scores, {'random or constant': dict.fromkeys(areas, 0.5)}


PROTOCOLS: dict[str, Callable[[Images], tuple[Scores, Baselines]]] = {
    'whole image': whole_image,
    'f1-fixed': f1_fixed,
    'f1-best': f1_best,
    'permuted': permuted,
    'detection': detection,
    'copy-move': copy_move,
}


def _means(images: Images, names: Mapping[str, str]) -> Scores:
  """Returns the means of the measures that some image has."""
  means = {
      name: bootstrap.mean(images.column(column))
      for name, column in names.items()
      # At 0.5 no method is scored on some of its images.
      if images.is_probability or not column.endswith('_half')
  }
  return {name: score for name, score in means.items() if score.images}


def _fixed(
    images: Images, names: Mapping[str, str]
) -> tuple[Scores, Baselines]:
  """Returns means of F1 and IoU, and those of masks that see no image."""
  scores = _means(images, names)
  baselines: Baselines = {'all manipulated': {}, 'all pristine': {}}
  for name in scores:
    fractions = images.fractions(names[name])
    full = _f1_of_all(fractions) if '_f1_' in name else fractions
    baselines['all manipulated'][name] = _mean(full)
    baselines['all pristine'][name] = 0.0
  return scores, baselines


def _f1_of_all(fractions: np.ndarray) -> np.ndarray:
  return 2 * fractions / (1 + fractions)


def _mean(values: np.ndarray) -> float:
  return float(values.mean()) if values.size else float('nan')
