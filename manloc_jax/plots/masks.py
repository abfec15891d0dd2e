"""Contact sheets: image, truth, heat map and mask side by side."""

import pathlib

import matplotlib

matplotlib.use('Agg')  # Files, never a window.

from matplotlib import pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402

COLUMNS = ('Image', 'Truth', 'Heat map', 'Mask')


def contact_sheet(
    examples: pathlib.Path, path: pathlib.Path, *, threshold: float
) -> None:
  """Draws one row per image (paper, Figure 5).

  Args:
    examples: An `.npz` of `examples.save`: images, truths, and scores, the
      probabilities of manipulation.
    path: The PNG to write.
    threshold: Scores from here on are drawn as manipulated.
  """
  with np.load(examples, allow_pickle=False) as arrays:
    indices = sorted({int(name.split('/')[0]) for name in arrays})
    rows = [
        {key: arrays[f'{i}/{key}'] for key in ('image', 'truth', 'score')}
        for i in indices
    ]
  figure, axes = plt.subplots(
      len(rows),
      len(COLUMNS),
      figsize=(2.6 * len(COLUMNS), 2.0 * len(rows)),
      layout='constrained',
      squeeze=False,
  )
  for row, example in zip(axes, rows, strict=True):
    score = example['score']
    row[0].imshow(example['image'])
    row[1].imshow(example['truth'], cmap='gray', vmin=0, vmax=1)
    heat = row[2].imshow(score, cmap='inferno', vmin=0, vmax=1)
    row[3].imshow(score >= threshold, cmap='gray', vmin=0, vmax=1)
    for axis in row:
      axis.set_axis_off()
  for axis, title in zip(axes[0], COLUMNS, strict=True):
    axis.set_title(
        f'{title} (score ≥ {threshold:.2f})' if title == 'Mask' else title
    )
  figure.colorbar(heat, ax=axes, shrink=0.6, label='Score')
  path.parent.mkdir(parents=True, exist_ok=True)
  figure.savefig(path, dpi=110)
  plt.close(figure)
