r"""The demo with fainter traces: where between does a network let go?

  python -m manloc_jax.main --config=configs/dial.py:40

The number is a level in percent: at 0 the traces are as plain as the demo's, at
100 piece and host have the same grain and compression history, see
manloc_jax/data/forge/dial.py. Images of all levels show the same forgeries, and
are cut into the same patches. All else is the demo's; nothing was tuned here.
`manloc sweep dial-40` trains the paper's systems.
"""

import ml_collections

from configs import demo

PERCENTS = ('0', '20', '40', '60', '80', '100')  # Of a study.


def get_config(percent: str = '0') -> ml_collections.ConfigDict:
  """Returns the config of a level.

  Args:
    percent: The level, a whole number from 0 to 100.

  Raises:
    ValueError: It is none.
  """
  if not percent.isdecimal() or int(percent) > 100:
    raise ValueError(
        f'There is no level {percent!r}; write configs/dial.py:PERCENT with a'
        ' whole number from 0 to 100.'
    )
  config = demo.get_config()
  config.data.name = 'dial'
  config.data.root = f'data/dial-{percent}'  # Made there.
  config.data.forge = forge = ml_collections.ConfigDict()
  forge.level = int(percent) / 100
  # Forgeries of train, val and test: as many as the demo has.
  forge.counts = (308, 30, 80)
  return config
