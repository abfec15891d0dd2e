"""Trains the fusion on a set of forged and untouched images.

Features are measured once and cached; a killed run continues from its last
checkpoint.

The loop shares checkpoints, progress, metrics and errors with `training.train`,
the loop of the paper's networks, and is separate for these reasons: there is
one device and no input pipeline, for a batch is a function of its step alone;
the loss is the mean since the last evaluation; an evaluation also calibrates
the weights that are saved; and the state is Flax's, without a key.
"""

from collections.abc import Callable, Sequence
import functools
import pathlib
from typing import Any

from flax.training import train_state
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax
from sklearn import metrics as sklearn_metrics

from manloc_jax import errors
from manloc_jax import run_config
from manloc_jax.localization.fusion import calibration
from manloc_jax.localization.fusion import crops as crops_lib
from manloc_jax.localization.fusion import examples as examples_lib
from manloc_jax.localization.fusion import held_out
from manloc_jax.localization.fusion import network
from manloc_jax.localization.fusion import weights as weights_lib
from manloc_jax.training import checkpoint
from manloc_jax.training import metric_writer
from manloc_jax.training import preemption
from manloc_jax.training import progress_reporter

# What to do against a loss or a score that is not finite.
_REMEDY = 'choose a smaller --config.learning_rate, and another --workdir'


def make_step(manipulated_weight: float, dice_weight: float) -> Callable:
  """Returns `step(state, batch, seed) -> (state, loss)`, compiled.

  The loss is the mean over crops, whatever their sizes, of the cross entropy,
  and of Dice where something is manipulated. Each member of the ensemble learns
  from crops of its own: members that share them err together.

  Args:
    manipulated_weight: Of a manipulated block in the cross entropy.
    dice_weight: Of Dice.
  """

  def loss_fn(params, state, batch, key):
    """Returns the mean loss of a batch of crops; see `make_step`."""
    blocks, statistics, inside, fractions = batch
    logits = state.apply_fn(
        {'params': params},
        *(blocks, statistics, inside),
        is_training=True,
        rngs={'dropout': key},
    )
    losses = optax.sigmoid_binary_cross_entropy(logits, fractions)
    weights = inside * (1 + (manipulated_weight - 1) * fractions)
    # A crop may by chance lie in an area where nothing varies.
    sums = functools.partial(jnp.sum, axis=(1, 2))
    entropy = sums(losses * weights) / jnp.maximum(sums(weights), 1e-9)
    scores, targets = jax.nn.sigmoid(logits) * inside, fractions * inside
    overlap = 2 * sums(scores * targets)
    dice = 1 - overlap / jnp.maximum(sums(scores) + sums(targets), 1e-9)
    dice = jnp.where(sums(targets) > 0, dice, 0)
    return (entropy + dice_weight * dice).mean()

  def step(state, batch, seed):
    """Updates all members, each with its part of the batch."""
    key = jax.random.fold_in(jax.random.key(seed), state.step)
    members = jax.tree.leaves(state.params)[0].shape[0]
    keys = jax.random.split(key, members)
    batches = [jnp.split(x, members) for x in batch]
    # One after the other: `jax.vmap` makes grouped convolutions of them, which
    # take twice the time on CPUs.
    losses, grads = zip(
        *(
            jax.value_and_grad(loss_fn)(
                network.member(state.params, i),
                *(state, [x[i] for x in batches], keys[i]),
            )
            for i in range(members)
        ),
        strict=True,
    )
    grads = jax.tree.map(lambda *x: jnp.stack(x), *grads)
    return state.apply_gradients(grads=grads), jnp.stack(losses).mean()

  return jax.jit(step, donate_argnums=0)


def _mean_auc(
    maps: Sequence[np.ndarray], examples: Sequence[examples_lib.Example]
) -> float:
  """Returns the mean over forged images of the AUC of blocks.

  A block with a manipulated half counts as manipulated.
  """
  labels = [_labels(example) for example in examples]
  return float(np.mean([
      sklearn_metrics.roc_auc_score(label.ravel(), scores.ravel())
      for scores, label in zip(maps, labels, strict=True)
      if _has_both(label)
  ]))


def _labels(example: examples_lib.Example) -> np.ndarray:
  return example.fraction > 127


def _has_both(label: np.ndarray) -> bool:
  return bool(label.any() and not label.all())


def train(config: ml_collections.ConfigDict, workdir: str) -> float:
  """Trains, and writes the best weights of the run, `fusion.safetensors`.

  Args:
    config: See configs/fusion.py.
    workdir: The run's folder.

  Returns:
    The best score on the validation split.

  Raises:
    TemporaryError: The cluster has asked it to leave; the step is saved.
    UserError: The config, the set or the folder cannot be used, or training
      diverges.
  """
  model = _make_model(config)
  records, split_digest = examples_lib.split_records(config.data)
  run_config.write_or_check(workdir, config, split_digest)
  train_examples, val_examples = (
      examples_lib.collect(config.data, records[split], split)
      for split in ('train', 'val')
  )
  _check_scorable(val_examples, config)
  mean, std = crops_lib.moments(train_examples)
  scores = network.make_scores(model)
  rate = optax.cosine_decay_schedule(config.learning_rate, config.num_steps)
  state = train_state.TrainState.create(
      apply_fn=model.apply,
      params=weights_lib.init(
          model, jax.random.key(config.seed), config.members
      ),
      tx=optax.adamw(rate, weight_decay=config.weight_decay),
  )
  crops = crops_lib.Crops(train_examples, mean, std, config)

  normalized = [
      network.normalize(example.features, mean, std) for example in val_examples
  ]
  insides = [inside > 0 for _, _, inside in normalized]
  fractions = [example.fraction / np.float32(255) for example in val_examples]

  def evaluate(step: int, params: Any, progress: checkpoint.Progress) -> float:
    """Scores the parameters; the best so far are calibrated and saved."""
    maps = [scores(params, *one) for one in normalized]
    finite = all(np.isfinite(x).all() for x in maps)
    auc = _mean_auc(maps, val_examples) if finite else float('nan')
    progress_reporter.check_finite(auc, step, _REMEDY, 'validation score')
    progress.add(step, auc)
    if progress.best_step == step:
      fitted = calibration.fit(maps, insides, fractions)
      provenance = {
          'config': run_config.plain(config),
          'split_digest': split_digest,
          'step': step,
          'val_block_auc_mean': auc,
      }
      weights_lib.save(
          pathlib.Path(workdir) / run_config.FUSION_WEIGHTS,
          weights_lib.Weights(
              model,
              network.rescaled(model, params, fitted.scale, fitted.shift),
              *(mean, std, fitted.mask, provenance, fitted.image),
          ),
      )
    return auc

  return _run(config, workdir, state, crops, evaluate)


def score_test(config: ml_collections.ConfigDict, workdir: str) -> dict:
  """Scores the best weights of a run on the test split; see `held_out.score`.

  Args:
    config: The config of the run.
    workdir: The run's folder.

  Raises:
    UserError: The run has no weights, or no image of the split can be used.
  """
  path = pathlib.Path(workdir) / run_config.FUSION_WEIGHTS
  records, _ = examples_lib.split_records(config.data)
  examples = examples_lib.collect(config.data, records['test'], 'test')
  return held_out.score(weights_lib.load(path), examples)


def _run(
    config: ml_collections.ConfigDict,
    workdir: str,
    state: train_state.TrainState,
    crops: crops_lib.Crops,
    evaluate: Callable[[int, Any, checkpoint.Progress], float],
) -> float:
  """Updates the state to the last step; returns what `train` does."""
  update = make_step(config.manipulated_weight, config.dice_weight)
  with checkpoint.make_manager(workdir, config.eval_every_steps) as manager:
    state, progress = checkpoint.restore_or(manager, state)
    first, last = int(state.step), config.num_steps
    crops_per_step = config.members * config.batch_size
    reporter = progress_reporter.ProgressReporter(
        first, last, crops_per_step, show=True, examples='crops'
    )
    losses = []
    with (
        metric_writer.Writer(workdir, first_step=first) as writer,
        preemption.noticed(manager) as is_preempted,
    ):
      for step in range(first + 1, last + 1):
        with reporter.waiting():
          batch = crops[step - 1]
        state, loss = update(state, batch, config.seed)
        losses.append(loss)
        evaluated = step % config.eval_every_steps == 0 or step == last
        if evaluated:
          mean_loss, losses = float(np.mean(jax.device_get(losses))), []
          progress_reporter.check_finite(mean_loss, step, _REMEDY)
          rates = reporter.report(step, mean_loss)
          with reporter.paused():
            auc = evaluate(step, state.params, progress)
          reporter.set_note(f'val AUC {auc:.3f}')
          scalars = {'loss': mean_loss, 'val_block_auc_mean': auc, **rates}
          writer.write(step, scalars)
          progress.done = step == last
        leaves = is_preempted(step) and step < last
        if evaluated or leaves:
          checkpoint.save(manager, step, state, progress)
        if leaves:
          raise preemption.left(step)
    reporter.close()
  return max(progress.scores.values())


def _make_model(config: ml_collections.ConfigDict) -> network.Fusion:
  """Makes the network.

  Raises:
    UserError: The config cannot be used.
  """
  names = 'batch_size', 'crop', 'num_steps', 'eval_every_steps', 'members'
  for name in names:
    if config[name] < 1:
      raise errors.UserError(
          f'--config.{name} is {config[name]}; choose a number from 1 on.'
      )
  try:
    return network.Fusion(**config.model)
  except (TypeError, ValueError) as error:
    raise errors.UserError(
        f'--config.model cannot be used: {error}; see configs/fusion.py.'
    ) from error


def _check_scorable(
    examples: Sequence[examples_lib.Example], config: ml_collections.ConfigDict
) -> None:
  """Raises UserError unless an example has blocks of both classes."""
  if not any(_has_both(_labels(example)) for example in examples):
    raise errors.UserError(
        'No image of the validation split has both manipulated and pristine'
        ' blocks, so that no score can choose weights; look at the set with'
        f' manloc audit {config.data.name} {config.data.root}, or choose other'
        ' --config.data.fractions and another --workdir.'
    )
