"""Published weights: folders, their cards, and a Hub that is not asked."""

import json
import shutil
import types

import huggingface_hub
import pytest
import yaml

import manloc_jax
from manloc_jax import cli
from manloc_jax import errors
from manloc_jax import pretrained
from manloc_jax.localization import factory
from manloc_jax.localization import hub
from manloc_jax.localization.export import folder as folder_lib
from manloc_jax.reports import generated_blocks

FILES = ['README.md', 'config.json', 'model.safetensors']


@pytest.fixture(scope='module')
def saved(tmp_path_factory):
  """A folder with the weights v2 of the fusion."""
  folder = tmp_path_factory.mktemp('hub') / 'fusion'
  assert cli.main(['export', '--weights=v2', f'--out={folder}/']) == 0
  return folder


@pytest.fixture
def folder(saved, tmp_path):
  return shutil.copytree(saved, tmp_path / 'fusion')


@pytest.fixture(autouse=True)
def offline(monkeypatch):
  """Whatever asks the Hub fails."""

  def refuse(*arguments, **options):
    raise AssertionError('The Hub was asked.')

  monkeypatch.setattr(huggingface_hub, 'snapshot_download', refuse)
  monkeypatch.setattr(huggingface_hub, 'HfApi', refuse)


def header(folder) -> dict:
  _, text, _ = (folder / 'README.md').read_text().split('---\n', 2)
  return yaml.safe_load(text)


def test_a_folder_is_read_without_the_hub(folder):
  made = manloc_jax.from_pretrained(str(folder), threshold=0.25)
  packaged = factory.make(weights='v2', threshold=0.25)
  assert made.provenance == {
      key: value
      for key, value in packaged.provenance.items()
      if key != 'model_card_sha256'
  }


def test_a_folder_holds_weights_config_and_card(saved):
  assert sorted(path.name for path in saved.iterdir()) == FILES
  weights = (saved / folder_lib.WEIGHTS).read_bytes()
  assert weights == pretrained.FUSIONS['v2'].read_bytes()
  config = json.loads((saved / folder_lib.CONFIG).read_text())
  assert config['library_name'] == 'manloc_jax'
  assert config['method'] == 'fusion'


def test_the_results_of_a_card_are_those_of_the_package(saved):
  card = huggingface_hub.ModelCard.load(saved / 'README.md')
  data = card.data
  assert (data.pipeline_tag, data.license, data.library_name) == (
      'image-segmentation', 'apache-2.0', 'manloc_jax',
  )  # fmt: skip
  path = generated_blocks.RESULTS / 'packaged' / 'casia1' / 'fusion-v2.json'
  scores = json.loads(path.read_text())['protocols']['whole image']['scores']
  found = {x.metric_type: x.metric_value for x in data.eval_results}
  assert len(found) == 3
  for name, value in found.items():
    assert value == pytest.approx(scores[name], abs=5e-4)
  assert '## Where it fails' in card.text
  assert '](../' not in card.text


def test_a_card_of_other_weights_claims_no_result(tmp_path):
  import test_localization_export as exports

  path = tmp_path / 'a.safetensors'
  exports.save_untrained(path, network='fcn', fcn_filters=(4,), fcn_hidden=4)
  assert cli.main(['export', str(path), f'--out={tmp_path}/network/']) == 0
  described = header(tmp_path / 'network')
  assert described['pipeline_tag'] == 'image-segmentation'
  assert not {'model-index', 'license'} & described.keys()
  assert 'no results' in (tmp_path / 'network' / 'README.md').read_text()
  made = manloc_jax.from_pretrained(str(tmp_path / 'network'))
  assert made.provenance['method'] == 'network'


@pytest.mark.parametrize(
    ('spoil', 'words'),
    [
        (lambda x: (x / 'config.json').unlink(), 'config.json: No such file'),
        (lambda x: (x / 'model.safetensors').unlink(), 'tensors: No such file'),
        (lambda x: (x / 'config.json').write_text('[]'), 'does not say which'),
        (lambda x: (x / 'model.safetensors').write_text(''), 'of other weig'),
    ],
)
def test_a_folder_of_something_else_is_one_sentence(folder, spoil, words):
  spoil(folder)
  with pytest.raises(errors.UserError, match=words):
    hub.from_pretrained(str(folder))


def test_a_folder_has_no_revision(folder):
  with pytest.raises(errors.UserError, match="no revision 'main'"):
    hub.from_pretrained(str(folder), revision='main')


def test_a_repository_gives_named_files_of_a_revision(folder, monkeypatch):
  asked = []

  def download(repo_id, **options):
    asked.append((repo_id, options))
    return str(folder)

  monkeypatch.setattr(huggingface_hub, 'snapshot_download', download)
  hub.from_pretrained('somebody/fusion', revision='0' * 40)
  ((repo_id, options),) = asked
  assert repo_id == 'somebody/fusion' and options['revision'] == '0' * 40
  assert sorted(options['allow_patterns']) == FILES


def test_a_hub_that_cannot_be_reached_is_one_sentence(monkeypatch, tmp_path):
  monkeypatch.undo()
  monkeypatch.setattr(huggingface_hub.constants, 'HF_HUB_OFFLINE', True)
  monkeypatch.chdir(tmp_path)
  with pytest.raises(errors.UserError, match='did not give it'):
    hub.from_pretrained('somebody/fusion')


class Api:
  """The Hub, which writes down what it is sent."""

  def __init__(self, sent, error=None):
    self._sent, self._error = sent, error

  def create_repo(self, repo_id, **options):
    if self._error:
      raise self._error
    self._sent['repository'] = (repo_id, options)

  def upload_folder(self, **options):
    self._sent['files'] = options
    return types.SimpleNamespace(commit_url='https://hub.example/commit')


def test_a_folder_is_published_with_its_three_files(folder, monkeypatch):
  sent = {}
  monkeypatch.setattr(huggingface_hub, 'HfApi', lambda **_: Api(sent))
  address = hub.push_to_hub(str(folder), 'me/fusion')
  assert address == 'https://hub.example/commit'
  repo_id, options = sent['repository']
  assert repo_id == 'me/fusion' and options['private']
  assert sent['files']['folder_path'] == str(folder)
  assert sorted(sent['files']['allow_patterns']) == FILES


def test_what_is_no_folder_of_weights_is_not_published(tmp_path):
  with pytest.raises(errors.UserError, match='does not hold model.safetens'):
    hub.push_to_hub(str(tmp_path), 'me/fusion')


def test_a_refusal_of_the_hub_is_one_sentence(folder, monkeypatch):
  refusal = ValueError('Invalid user token.\nLog in.')
  monkeypatch.setattr(
      huggingface_hub, 'HfApi', lambda **_: Api({}, refusal)
  )
  with pytest.raises(errors.UserError, match=r'\(Invalid user token\); mend'):
    hub.push_to_hub(str(folder), 'me/fusion')


def test_without_the_extra_there_is_one_sentence(folder, monkeypatch):
  find = folder_lib.importlib.util.find_spec
  monkeypatch.setattr(
      folder_lib.importlib.util,
      'find_spec',
      lambda name: None if name == 'huggingface_hub' else find(name),
  )
  with pytest.raises(errors.UserError, match=r"pip install '\.\[hub\]'"):
    hub.from_pretrained('somebody/fusion')
  assert hub.from_pretrained(str(folder)).provenance['method'] == 'fusion'
