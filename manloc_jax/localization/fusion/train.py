"""Training of the fusion on a set of forged images.

Evidence is measured once and kept; a killed run goes on where it was saved.
"""

from collections.abc import Callable, Sequence
import pathlib
from typing import Any

from flax.training import train_state
import jax
import ml_collections
import numpy as np
import optax
from sklearn import metrics as sklearn_metrics
import tqdm

from manloc_jax import errors
from manloc_jax import pretrained
from manloc_jax import run_config
from manloc_jax.localization.fusion import examples as examples_lib
from manloc_jax.localization.fusion import network
from manloc_jax.localization.fusion import weights as weights_lib
from manloc_jax.training import checkpoint
from manloc_jax.training import metric_writer as metric_writer_lib


def moments(
    examples: Sequence[examples_lib.Example],
) -> tuple[np.ndarray, np.ndarray]:
  """Returns mean and standard deviation of evidence over blocks, f32[n].

  Whether copies are known, and what is then known of them, differs between
  training and use, and is left as it is.
  """
  flat = [x.evidence.reshape(-1, x.evidence.shape[-1]) for x in examples]
  means = [x.mean(axis=0, dtype=np.float64) for x in flat]
  squares = [np.square(x, dtype=np.float64).mean(axis=0) for x in flat]
  mean = np.mean(means, axis=0)
  spread = np.sqrt(np.maximum(np.mean(squares, axis=0) - mean**2, 0)) + 1e-2
  mean[-2:], spread[-2:] = 0, 0.25
  return mean.astype(np.float32), spread.astype(np.float32)


class Crops:
  """Random crops of examples, the batch of a step from its number alone."""

  def __init__(self, examples, mean, spread, config):
    self._shares = [x.share for x in examples]
    described = [network.describe(x.evidence, mean, spread) for x in examples]
    self._blocks = [blocks.astype(np.float16) for blocks, _ in described]
    self._typical = [typical for _, typical in described]
    self._config = config

  def __getitem__(self, step: int) -> tuple[np.ndarray, ...]:
    """Returns blocks, typical values, inside and shares of a batch."""
    rng = np.random.default_rng((self._config.seed, step))
    side, size = self._config.crop, self._config.batch_size
    chosen = rng.integers(len(self._shares), size=size)
    blocks = np.zeros((size, side, side, self._blocks[0].shape[-1]), np.float32)
    inside = np.zeros((size, side, side), np.float32)
    shares = np.zeros((size, side, side), np.float32)
    for i, one in enumerate(chosen):
      rows, columns = self._shares[one].shape
      top = rng.integers(max(rows - side, 0) + 1)
      left = rng.integers(max(columns - side, 0) + 1)
      # Forgeries upside down, and in a mirror.
      flips = np.s_[:: rng.choice((-1, 1)), :: rng.choice((-1, 1))]
      cut = np.s_[top : top + side, left : left + side]
      share = self._shares[one][cut][flips]
      at = np.s_[i, : share.shape[0], : share.shape[1]]
      blocks[at], shares[at] = self._blocks[one][cut][flips], share / 255
      inside[at] = 1
    typical = np.stack([self._typical[one] for one in chosen])
    return blocks, typical, inside, shares


def make_step(manipulated_weight: float) -> Callable:
  """Returns `step(state, batch, seed) -> (state, loss)`, compiled."""

  def loss_fn(params, state, batch, key):
    blocks, typical, inside, shares = batch
    logits = state.apply_fn(
        {'params': params},
        *(blocks, typical, inside),
        is_training=True,
        rngs={'dropout': key},
    )
    losses = optax.sigmoid_binary_cross_entropy(logits, shares)
    weights = inside * (1 + (manipulated_weight - 1) * shares)
    return (losses * weights).sum() / weights.sum()

  def step(state, batch, seed):
    key = jax.random.fold_in(jax.random.key(seed), state.step)
    loss, grads = jax.value_and_grad(loss_fn)(state.params, state, batch, key)
    return state.apply_gradients(grads=grads), loss

  return jax.jit(step, donate_argnums=0)


def score(
    scores: Callable, params: Any, examples, mean, spread
) -> tuple[float, float]:
  """Scores the network on the blocks of examples.

  Returns:
    The mean over images of the AUC of blocks, one with a manipulated half
    counting as manipulated, and the score, 0 to 1, with the best F1 over all.
  """
  aucs, values, labels = [], [], []
  for example in examples:
    found = scores(params, *network.describe(example.evidence, mean, spread))
    label = example.share > 127
    if label.any() and not label.all():
      aucs.append(sklearn_metrics.roc_auc_score(label.ravel(), found.ravel()))
    values.append(found.ravel())
    labels.append(label.ravel())
  precision, recall, edges = sklearn_metrics.precision_recall_curve(
      np.concatenate(labels), np.concatenate(values)
  )
  f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
  return float(np.mean(aucs)), float(edges[f1[:-1].argmax()])


def train(config: ml_collections.ConfigDict, workdir: str) -> float:
  """Trains, and writes the best weights of the run, `fusion.safetensors`.

  Args:
    config: See configs/fusion.py.
    workdir: The run's folder.

  Returns:
    The best score on the validation part.

  Raises:
    UserError: Settings, set or folder cannot be used.
  """
  try:
    model = network.Fusion(**config.model)
  except (TypeError, ValueError) as error:
    raise errors.UserError(f'--config.model cannot be: {error}.') from error
  for name in ('batch_size', 'crop', 'num_steps', 'eval_every_steps'):
    if config[name] < 1:
      raise errors.UserError(
          f'--config.{name} is {config[name]}; choose a number from 1 on.'
      )
  records, split_digest = examples_lib.draw(config.data)
  run_config.claim(workdir, config, split_digest)
  parts = {
      part: examples_lib.collect(config.data, records[part], part)
      for part in ('train', 'val')
  }
  mean, spread = moments(parts['train'])
  scores = network.make_scores(model)
  rate = optax.cosine_decay_schedule(config.learning_rate, config.num_steps)
  state = train_state.TrainState.create(
      apply_fn=model.apply,
      params=weights_lib.init(model, jax.random.key(config.seed)),
      tx=optax.adamw(rate, weight_decay=config.weight_decay),
  )
  crops = Crops(parts['train'], mean, spread, config)
  step = make_step(config.manipulated_weight)
  with checkpoint.make_manager(workdir) as manager:
    state, progress = checkpoint.restore_or(manager, state)
    first = int(state.step)
    writer = metric_writer_lib.Writer(workdir, first_step=first)
    bar = tqdm.trange(
        first, config.num_steps, initial=first, total=config.num_steps,
        unit='step', disable=None,
    )
    with writer:
      losses = []
      for done in bar:
        state, loss = step(state, crops[done], config.seed)
        losses.append(loss)
        if (done + 1) % config.eval_every_steps and done + 1 < config.num_steps:
          continue
        found, edge = score(scores, state.params, parts['val'], mean, spread)
        loss, losses = float(np.mean(jax.device_get(losses))), []
        writer.write(done + 1, {'loss': loss, 'val_block_auc_mean': found})
        progress.scores[done + 1] = found
        if progress.best_step == done + 1:
          made_by = {
              'config': run_config.plain(config),
              'split_digest': split_digest,
              'step': done + 1,
              'val_block_auc_mean': found,
          }
          weights_lib.save(
              pathlib.Path(workdir) / pretrained.FUSION.name,
              weights_lib.Weights(
                  model, state.params, mean, spread, edge, made_by
              ),
          )
        checkpoint.save(manager, done + 1, state, progress, force=True)
  return max(progress.scores.values())
