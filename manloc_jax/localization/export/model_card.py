"""Model cards as the Hugging Face Hub reads them."""

import json
import pathlib
import re
from typing import Any

import huggingface_hub

from manloc_jax import pretrained
from manloc_jax import run_config

_LIBRARY = 'manloc_jax'
_RESULTS = pathlib.Path(__file__).parents[2] / 'results' / 'packaged'
_PROTOCOL = 'whole image'
# Scores of the protocol that go into the header of a card, and their names.
_METRICS = {
    'pixel_auc_image_mean': 'AUC of pixels, mean over images',
    'pixel_auc_pooled': 'AUC of pixels, pooled',
    'pixel_average_precision_pooled': 'Average precision of pixels, pooled',
}
_CARDS = {
    run_config.FUSION: 'MODEL_CARD.md',
    run_config.NETWORK: 'MODEL_CARD_NETWORK.md',
}
_USE = '''# {name}

Scores for every pixel of a photograph how likely it was manipulated, by the
{method} of `manloc_jax`. A heat map is a hint where to look, and no verdict.

```python
import manloc_jax
from manloc_jax.data import images

localizer = manloc_jax.from_pretrained('FOLDER_OR_REPOSITORY')
result = localizer.localize('photo.jpg', images.read_image('photo.jpg'))
```
'''
_UNKNOWN = '''
These weights were trained by whoever published them; no results of theirs are
recorded here, and nothing is known of where they fail.
'''


def make(facts: dict[str, Any]) -> str:
  """Returns a model card with a header in YAML.

  Args:
    facts: Of a `networks.Network`.
  """
  results = _results(facts['weights_sha256'])
  name = f'{_LIBRARY}-{facts["method"]}'
  text = _USE.format(name=name, method=facts['method'])
  header: dict[str, Any] = {}
  if results:
    header = {'license': 'apache-2.0', 'eval_results': results}
    packaged = pathlib.Path(pretrained.__file__).with_name(
        _CARDS[facts['method']]
    )
    text += f'\n{_without_links(packaged.read_text())}'
  else:
    text += _UNKNOWN
  described = huggingface_hub.ModelCardData(
      model_name=name,
      library_name=_LIBRARY,
      pipeline_tag='image-segmentation',
      tags=['image-forensics', 'image-manipulation-localization', 'jax'],
      **header,
  )
  return f'---\n{described.to_yaml()}\n---\n\n{text}'


def _results(weights_sha256: str) -> list[huggingface_hub.EvalResult]:
  """Returns the results in this package of weights with this hash."""
  found = []
  for path in sorted(_RESULTS.glob('*/*.json')):
    scored = json.loads(path.read_text())
    if scored['detector'].get('weights_sha256') != weights_sha256:
      continue
    images = scored['counts']['images']
    scores = scored['protocols'][_PROTOCOL]['scores']
    found += [
        huggingface_hub.EvalResult(
            task_type='image-segmentation',
            dataset_type=scored['set'],
            dataset_name=f'{scored["set"]}, {images} images',
            metric_type=name,
            metric_name=label,
            metric_value=round(scores[name], 3),
        )
        for name, label in _METRICS.items()
    ]
  return found


def _without_links(text: str) -> str:
  """Leaves of links to other files, and of pictures, their words alone."""
  text = re.sub(r'^!\[[^]]*\]\([^)]*\)\n', '', text, flags=re.M)
  return re.sub(r'\[([^]]+)\]\((?![a-z]+:|#)[^)]*\)', r'\1', text)
