"""Makes the table of runs: seeds, patches and the config of each system."""

from manloc_jax.reports import typeset
from manloc_jax.reports.study import score_columns


def table(study: dict) -> typeset.Table:
  """Makes the table of a study (`study.collect`)."""
  labels = score_columns.labels(study)
  rows: list[tuple[str, ...]] = []
  rules, notes = [], []
  for dataset, content in study['datasets'].items():
    if not content['systems']:
      continue  # Classical methods alone.
    rules.append(len(rows))
    for system, entry in content['systems'].items():
      changed = ', '.join(
          f'{key.split(".")[-1]}={value}'
          for key, value in entry['settings'].items()
      )
      rows.append((
          score_columns.title(dataset),
          labels[system],
          ', '.join(map(str, entry['seeds'])),
          str(entry['training_patches'] or typeset.DASH),
          changed or typeset.DASH,
          ', '.join(entry['devices']),
      ))
    config = content['config']
    notes.append(
        f'{score_columns.title(dataset)}: {config["num_steps"]} steps of'
        f' {config["batch_size"]} patches, learning rate'
        f' {config["optim.learning_rate"]:g}, split by'
        f' `{config["data.split_rule"]}`,'
        f' {"fine-tuned" if config["train.init_from"] else "from scratch"}.'
    )
  return typeset.Table(
      'runs',
      'Runs',
      ('Dataset', 'System', 'Seeds', 'Training patches', 'Config of its own')
      + ('Devices',),
      tuple(rows),
      tuple(rules),
      tuple(notes),
  )
