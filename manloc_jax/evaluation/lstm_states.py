"""What the LSTM of a trained network carries from block to block.

A linear readout (logistic regression) of the LSTM's output at a step is fitted
on some windows, to tell whether the block of k steps before was manipulated,
and scored on others. Where it beats a readout of what the LSTM read at that
very step, the LSTM remembers. A readout shows what can be read from the states,
and not what the network uses.
"""

from collections.abc import Iterator, Mapping, Sequence
import dataclasses
from typing import Any

from matplotlib import figure as figure_lib
import numpy as np
from sklearn import linear_model
from sklearn import metrics
from sklearn import pipeline
from sklearn import preprocessing

from manloc_jax import errors
from manloc_jax.data.storage import backend
from manloc_jax.data.storage import prepared_set
from manloc_jax.training import trained_run

LAGS = (0, 1, 2, 4, 8, 12, 16, 24)  # Steps back; 8 blocks are a row.
COUNT = 300  # Windows of a split.
INPUT = 'what it reads (no memory)'  # Name of a curve.
_BATCH = 64  # Windows that are read and computed at once.
_MIXED = (0.15, 0.85)  # Least and largest manipulated fraction of a window.


def layer(number: int) -> str:
  """Returns the name of the curve of a layer of the LSTM, from 1 on."""
  return f'output of layer {number}'


@dataclasses.dataclass(frozen=True)
class Windows:
  """Windows that the boundary of a manipulated region crosses.

  Attributes:
    images: uint8[n, 64, 64, 3], RGB.
    compression: uint8[n, 8, 8, 34], see `data/compression.py`.
    masks: uint8[n, 64, 64], 1 = manipulated.
  """

  images: np.ndarray
  compression: np.ndarray
  masks: np.ndarray

  @property
  def labels(self) -> np.ndarray:
    """Whether half of each block is manipulated, bool[n, 64], row by row."""
    blocks = self.masks.reshape(-1, 8, 8, 8, 8).mean(axis=(2, 4))
    return blocks.reshape(-1, 64) >= 0.5


def read_windows(
    prepared: prepared_set.PreparedSet, split: str, count: int = COUNT
) -> Windows:
  """Reads the first windows of a split that a boundary crosses.

  Args:
    prepared: The set.
    split: Such as `train` or `test_grid`.
    count: How many at most.

  Raises:
    UserError: The split has none.
  """
  parts: dict[str, list[np.ndarray]] = {
      'image': [], 'compression': [], 'mask': []
  }
  for batch in backend.eval_batches(prepared, split, batch_size=_BATCH):
    fraction = batch['mask'].mean(axis=(1, 2))
    is_mixed = (fraction > _MIXED[0]) & (fraction < _MIXED[1])
    for name, found in parts.items():
      found.extend(batch[name][is_mixed & (batch['weight'] > 0)])
    if len(parts['mask']) >= count:
      break
  if not parts['mask']:
    raise errors.UserError(
        f'No window of the split {split!r} in {prepared.folder} has between'
        f' {_MIXED[0]:.0%} and {_MIXED[1]:.0%} manipulated pixels; take another'
        ' split, or prepare more images.'
    )
  images, compression, masks = (
      np.stack(found[:count]) for found in parts.values()
  )
  return Windows(images, compression, masks)


def readouts(
    run: trained_run.Run,
    fitted: Windows,
    scored: Windows,
    lags: Sequence[int] = LAGS,
) -> dict[str, np.ndarray]:
  """Scores readouts of what the LSTM reads, and of the outputs of its layers.

  Args:
    run: The network.
    fitted: Windows that readouts are fitted on.
    scored: Windows that they are scored on, best of other photographs.
    lags: Steps back to the block that is read out.

  Returns:
    AUC by lag, f64[len(lags)], under `INPUT` and the `layer` of each layer.

  Raises:
    TypeError: The network has no LSTM.
  """
  found = [_states(run, windows) for windows in (fitted, scored)]
  labels = fitted.labels, scored.labels
  return {
      name: auc_by_lag(*labels, [states[name] for states in found], lags)
      for name in found[0]
  }


def _states(run: trained_run.Run, windows: Windows) -> dict[str, np.ndarray]:
  """Returns f32[n, 64, features] by the name of a curve."""
  parts: dict[str, list[np.ndarray]] = {}
  for batch in _batches(windows):
    computed = run.features(windows.images[batch], windows.compression[batch])
    parts.setdefault(INPUT, []).append(np.asarray(computed.blocks))
    for i, outputs in enumerate(computed.outputs, 1):
      parts.setdefault(layer(i), []).append(np.asarray(outputs))
  return {name: np.concatenate(part) for name, part in parts.items()}


def auc_by_lag(
    fitted: np.ndarray,
    scored: np.ndarray,
    states: Sequence[np.ndarray],
    lags: Sequence[int] = LAGS,
) -> np.ndarray:
  """Scores readouts of states.

  Args:
    fitted: Labels bool[n, 64] of the windows that readouts are fitted on.
    scored: Labels of those that they are scored on.
    states: Of both, f32[n, 64, features].
    lags: Steps back to the block that is read out.

  Returns:
    The area under the ROC curve by lag, f64[len(lags)].
  """
  scores = []
  first = max(LAGS)  # The same steps count at every lag.
  for lag in lags:
    of = lambda labels, lag=lag: labels[:, first - lag : 64 - lag].ravel()
    inputs, tested = (x[:, first:].reshape(-1, x.shape[-1]) for x in states)
    readout = pipeline.make_pipeline(
        preprocessing.StandardScaler(),
        linear_model.LogisticRegression(C=0.01, solver='newton-cholesky'),
    ).fit(inputs, of(fitted))
    probability = readout.predict_proba(tested)[:, 1]
    scores.append(metrics.roc_auc_score(of(scored), probability))
  return np.array(scores)


def draw(
    run: trained_run.Run,
    windows: Windows,
    curves: Mapping[str, np.ndarray],
    lags: Sequence[int] = LAGS,
) -> figure_lib.Figure:
  """Draws a window with the states of its blocks, and curves of readouts.

  Args:
    run: The network.
    windows: Of them the one is drawn that the network's mask fits best, since
      states show little where it sees nothing; without a mask, the one with
      the most even halves.
    curves: What `readouts` returned.
    lags: What it was given.

  Returns:
    The figure.
  """
  figure = figure_lib.Figure(figsize=(10, 6), layout='constrained')
  (above,), (below,) = figure.subfigures(
      2, squeeze=False, height_ratios=(1, 1.5)
  )
  panels = _panels(run, windows)
  for axis, (name, picture) in zip(
      above.subplots(1, len(panels)), panels.items(), strict=True
  ):
    axis.imshow(picture, cmap='viridis')
    axis.set(title=name, xticks=[], yticks=[])
  axis = below.subplots()
  for name, scores in curves.items():
    style = '--' if name == INPUT else '-'
    axis.plot(lags, scores, style, marker='o', label=name)
  axis.axhline(0.5, color='0.6', linestyle=':', label='random')
  axis.set_xticks(lags)
  axis.set_xlabel('Steps back to the block that is read out; a row has 8')
  axis.set_ylabel('AUC of a linear readout')
  axis.legend(loc='upper left', bbox_to_anchor=(1, 1))
  return figure


def _panels(run: trained_run.Run, windows: Windows) -> dict[str, np.ndarray]:
  """Returns the pictures of one window by their titles."""
  chosen = _choose(run, windows)
  one = slice(chosen, chosen + 1)
  computed = run.features(windows.images[one], windows.compression[one])
  cells = np.asarray(computed.cells[-1][0])
  change = np.linalg.norm(np.diff(cells, axis=0, prepend=0), axis=1)
  panels = {'patch': windows.images[chosen], 'truth': windows.masks[chosen]}
  if computed.conv2 is not None:
    maps = np.asarray(computed.conv2[0])
    panels['conv2'] = maps[..., maps.std(axis=(0, 1)).argmax()]
  panels['change of cell states'] = change.reshape(8, 8)
  if computed.logits.mask_logits is not None:
    panels['mask'] = _probability(computed.logits.mask_logits)[0]
  return panels


def _choose(run: trained_run.Run, windows: Windows) -> int:
  """Returns the index of the window to draw, see `draw`."""
  fits = []
  for batch in _batches(windows):
    masks = windows.masks[batch]
    logits = run.features(
        windows.images[batch], windows.compression[batch]
    ).logits.mask_logits
    if logits is None:
      fraction = windows.masks.mean(axis=(1, 2))
      return int(np.abs(fraction - 0.5).argmin())
    probability = _probability(logits)
    inside, outside = (
        np.mean(probability, axis=(1, 2), where=where)
        for where in (masks > 0, masks == 0)
    )
    fits.append(inside - outside)
  return int(np.concatenate(fits).argmax())


def _probability(mask_logits: Any) -> np.ndarray:
  """Returns the probability of manipulation, f32[n, 64, 64]."""
  logits = np.asarray(mask_logits)
  return 1 / (1 + np.exp(logits[..., 0] - logits[..., 1]))


def _batches(windows: Windows) -> Iterator[slice]:
  for first in range(0, len(windows.images), _BATCH):
    yield slice(first, first + _BATCH)
