"""The page of `manloc serve` in a real Chromium."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import numpy as np
from PIL import Image
import pytest
import small
import trees

from manloc_jax.localization import network

ROOT = pathlib.Path(__file__).parents[1]
WAIT = 120  # Seconds; machines are busy.
FLAGS = (
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-first-run',
    '--window-size=1280,1000',
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def workdir(tmp_path_factory):
  return small.untrained_run(tmp_path_factory.mktemp('run'), scale=2.0)


@pytest.fixture
def server(workdir, tmp_path):
  """Starts the command; yields its address, and its process."""
  pytest.importorskip('gradio', reason='Gradio is not installed: no page.')
  (tmp_path / 'tmp').mkdir()
  process = subprocess.Popen(
      [sys.executable, '-m', 'manloc_jax.cli', 'serve', '--port=0']
      + [f'--workdir={workdir}', '--device=cpu'],
      env={
          **os.environ,
          'PYTHONPATH': str(ROOT),
          'TMPDIR': str(tmp_path / 'tmp'),
      },
      cwd=tmp_path,
      stdout=subprocess.PIPE,
      text=True,
  )
  try:
    yield process.stdout.readline().strip(), process
  finally:
    process.kill()
    process.wait()


@pytest.fixture
def browser(tmp_path):
  webdriver = pytest.importorskip(
      'selenium.webdriver', reason='Selenium is not installed: no browser.'
  )
  chromium, driver = map(shutil.which, ('chromium', 'chromedriver'))
  if not chromium or not driver:
    pytest.skip('Chromium or its driver is not installed: no browser.')
  options = webdriver.ChromeOptions()
  options.binary_location = chromium
  for flag in FLAGS:
    options.add_argument(flag)
  (tmp_path / 'downloads').mkdir()
  options.add_experimental_option(
      'prefs', {'download.default_directory': str(tmp_path / 'downloads')}
  )
  options.set_capability('goog:loggingPrefs', {'performance': 'ALL'})
  browser = webdriver.Chrome(options, webdriver.ChromeService(driver))
  yield browser
  browser.quit()


class Page:
  """The steps of a visitor."""

  def __init__(self, browser, address: str):
    self._browser = browser
    browser.get(address)
    self.wait(lambda: self.find('#upload input[type=file]'))
    self.wait(lambda: len(self.find('#samples .thumbnail-item')) == 4)

  def find(self, selector: str):
    return self._browser.find_elements('css selector', selector)

  def wait(self, condition):
    from selenium.common import exceptions
    from selenium.webdriver.support import ui

    ignored = [exceptions.StaleElementReferenceException]
    waiting = ui.WebDriverWait(self._browser, WAIT, 0.2, ignored)
    return waiting.until(lambda _: condition())

  def upload(self, path: pathlib.Path) -> None:
    self.find('#upload input[type=file]')[0].send_keys(str(path))

  def text(self, selector: str) -> str:
    return ' '.join(element.text for element in self.find(selector))

  def shown(self, name: str) -> None:
    """Waits until the pictures of an image are there."""
    self.wait(lambda: name in self.text('#summary'))
    self.wait(lambda: len(self.sources()) == 3)

  def sources(self) -> list[str]:
    """Returns the addresses of the pictures that are there in full."""
    return [
        image.get_attribute('src')
        for image in self.find('#results .picture img')
        if image.get_property('naturalWidth')
    ]

  def move(self, slider: str, steps: int) -> None:
    from selenium.webdriver.common import keys

    bar = self.find(f'#{slider} input[type=range]')[0]
    bar.send_keys(keys.Keys.ARROW_RIGHT * steps)

  def requests(self) -> set[str]:
    """Returns all that was asked for so far."""
    events = [
        json.loads(entry['message'])['message']
        for entry in self._browser.get_log('performance')
    ]
    return {
        event['params']['request']['url']
        for event in events
        if event['method'] == 'Network.requestWillBeSent'
    }


def test_a_visit(server, browser, workdir, tmp_path):
  address, process = server
  page = Page(browser, address)
  assert 'evidence and no verdict' in page.text('#head')
  trees.save(tmp_path / 'a.png', trees.photograph(3, (90, 130)))

  page.upload(tmp_path / 'a.png')
  page.shown('a.png')
  want = network.NetworkLocalizer.from_run(workdir)
  with Image.open(tmp_path / 'a.png') as image:
    result = want(np.asarray(image))
  assert f'{result.image_score:.2f}' in page.text('#summary')
  assert '130 x 90 pixels' in page.text('#summary')

  before = page.sources()
  page.move('threshold', 5)
  page.wait(lambda: '0.55' in page.text('#summary'))
  page.wait(lambda: page.sources()[2:] not in ([], before[2:]))
  painted = page.sources()[1]
  page.move('opacity', 3)
  page.wait(lambda: page.sources()[1:2] not in ([], [painted]))

  page.find('#json')[0].click()
  path = tmp_path / 'downloads/a.png.json'
  page.wait(path.exists)
  record = json.loads(path.read_text())
  share = (result.score >= 0.55).mean()
  assert record['threshold'] == 0.55 and record['image'] == 'a.png'
  assert record['manipulated_share'] == pytest.approx(share, abs=1e-3)

  (tmp_path / 'broken.jpg').write_bytes(b'\xff\xd8\xff\xe0 no more')
  page.upload(tmp_path / 'broken.jpg')
  page.wait(lambda: 'broken.jpg is' in page.text('#message [role=alert]'))
  assert 'Traceback' not in page.text('body')
  assert not page.sources(), 'no result of another file beside the sentence'

  page.find('#samples .thumbnail-item')[0].click()
  page.shown('copy-move')
  assert not page.text('#message')

  asked = page.requests()
  assert any('/queue/join' in url for url in asked)
  for url in asked:
    assert url.startswith((address, 'data:', 'blob:', 'about:')), url
  names = {path.name for path in (tmp_path / 'tmp').rglob('*')}
  assert 'a.png.json' in names and 'a.png' not in names, 'uploads are deleted'
  with pytest.raises(urllib.error.HTTPError, match='404'):
    urllib.request.urlopen(f'{address}/gradio_api/file={ROOT}/setup.py')

  process.send_signal(signal.SIGTERM)
  assert process.wait(WAIT) == 0
  assert not [*(tmp_path / 'tmp').glob('manloc-serve-*')]
