"""Draws what the LSTM of a run carries from block to block.

  python docs/lstm_states.py runs/demo data/PREPARED states.png

The second argument is the prepared set that the run was trained on, as
`manloc_jax.main` prints it. A linear readout (logistic regression) of the
LSTM's output at a step is fitted on windows of training images, to tell whether
the block of k steps before was manipulated, and scored on windows of test
images. Where it beats a readout of what the LSTM read at that very step, the
LSTM remembers.
"""

import sys

from matplotlib import figure as figure_lib
import numpy as np
from sklearn import linear_model
from sklearn import metrics
from sklearn import pipeline
from sklearn import preprocessing

from manloc_jax import checkpoint
from manloc_jax.data.storage import backend
from manloc_jax.data.storage import prepared_set
from manloc_jax.reports import figure_files

WINDOWS = 300  # Of each split; those with pixels of both kinds.
LAGS = (0, 1, 2, 4, 8, 12, 16, 24)  # 8 blocks are a row.


def read_windows(prepared, split):
  """Returns windows that a boundary crosses, and their labels by block.

  Returns:
    Pixels uint8[n, 64, 64, 3], masks uint8[n, 64, 64], and labels
    bool[n, 64], whether half of a block is manipulated, in raster order.
  """
  images, masks = [], []
  for batch in backend.eval_batches(prepared, split, batch_size=64):
    share = batch['mask'].mean(axis=(1, 2))
    is_mixed = (share > 0.15) & (share < 0.85) & (batch['weight'] > 0)
    images.extend(batch['image'][is_mixed])
    masks.extend(batch['mask'][is_mixed])
    if len(images) >= WINDOWS:
      break
  images, masks = np.stack(images)[:WINDOWS], np.stack(masks)[:WINDOWS]
  blocks = masks.reshape(-1, 8, 8, 8, 8).mean(axis=(2, 4))
  return images, masks, blocks.reshape(-1, 64) >= 0.5


def auc_by_lag(train, test, states):
  """Scores readouts of states; f64[len(LAGS)].

  Args:
    train: Labels bool[n, 64] of the windows that readouts are fitted on.
    test: Labels of those that they are scored on.
    states: Of both, f32[n, 64, features].
  """
  scores = []
  first = max(LAGS)  # The same steps count at every lag.
  for lag in LAGS:
    of = lambda labels, lag=lag: labels[:, first - lag : 64 - lag].ravel()
    fitted, scored = (
        np.asarray(x)[:, first:].reshape(-1, x.shape[-1]) for x in states
    )
    readout = pipeline.make_pipeline(
        preprocessing.StandardScaler(),
        linear_model.LogisticRegression(C=0.01, max_iter=500),
    ).fit(fitted, of(train))
    probability = readout.predict_proba(scored)[:, 1]
    scores.append(metrics.roc_auc_score(of(test), probability))
  return np.array(scores)


def draw(workdir, folder, path):
  """Writes the figure, and prints the numbers of its curves."""
  run = checkpoint.load(workdir)
  prepared = prepared_set.PreparedSet.open(folder)
  images, _, train = read_windows(prepared, 'train')
  test_images, masks, test = read_windows(prepared, 'test_grid')
  found, scored = run.features(images), run.features(test_images)

  figure = figure_lib.Figure(figsize=(10, 6), layout='constrained')
  above, below = figure.subfigures(2, height_ratios=(1, 1.5))
  curves = {'what it reads (no memory)': (found.blocks, scored.blocks)}
  for i, states in enumerate(zip(found.outputs, scored.outputs, strict=True)):
    curves[f'output of layer {i + 1}'] = states
  axis = below.subplots()
  for name, states in curves.items():
    scores = auc_by_lag(train, test, states)
    print(name, *(f'{k}: {x:.3f}' for k, x in zip(LAGS, scores, strict=True)))
    style = '--' if states[0] is found.blocks else '-'
    axis.plot(LAGS, scores, style, marker='o', label=name)
  axis.axhline(0.5, color='0.6', linestyle=':', label='random')
  axis.set_xticks(LAGS)
  axis.set_xlabel('Steps back to the block that is read out; a row has 8')
  axis.set_ylabel('AUC of a linear readout')
  axis.legend(loc='upper left', bbox_to_anchor=(1, 1))

  chosen = np.abs(masks.mean(axis=(1, 2)) - 0.5).argmin()
  cells = np.asarray(scored.cells[-1][chosen])
  change = np.linalg.norm(np.diff(cells, axis=0, prepend=0), axis=1)
  logits = np.asarray(scored.logits.mask_logits[chosen])
  panels = {
      'patch': test_images[chosen],
      'truth': masks[chosen],
      'conv2': np.asarray(scored.conv2[chosen, ..., 0]),
      'change of cell states': change.reshape(8, 8),
      'mask': 1 / (1 + np.exp(logits[..., 0] - logits[..., 1])),
  }
  for axis, (name, picture) in zip(
      above.subplots(1, len(panels)), panels.items(), strict=True
  ):
    axis.imshow(picture, cmap='viridis')
    axis.set(title=name, xticks=[], yticks=[])
  figure_files.save_png(figure, path)


if __name__ == '__main__':
  draw(*sys.argv[1:])
