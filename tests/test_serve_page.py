"""The page of `manloc serve` in a real Chromium."""

import json
import pathlib
import shutil

import numpy as np
import pages
from PIL import Image
import pytest
import small
import specimens
import trees

from manloc_jax import provenance
from manloc_jax.localization import network

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


@pytest.fixture(scope='module')
def server(workdir, tmp_path_factory):
  """Starts the command."""
  for package in ('starlette', 'uvicorn'):
    pytest.importorskip(package, reason='The extra serve is not installed.')
  folder = tmp_path_factory.mktemp('server')
  server = pages.Server(folder, f'--workdir={workdir}')
  yield server
  server.stop()


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
  options.set_capability(
      'goog:loggingPrefs', {'performance': 'ALL', 'browser': 'ALL'}
  )
  browser = webdriver.Chrome(options, webdriver.ChromeService(driver))
  yield browser
  try:
    assert not browser.get_log('browser'), 'The console shows errors.'
  finally:
    browser.quit()


class Page:
  """The steps of a visitor."""

  def __init__(self, browser, address: str):
    self._browser = browser
    browser.get(address)
    self.wait(lambda: len(self.find('#samples button')) == 4)

  def find(self, selector: str):
    return self._browser.find_elements('css selector', selector)

  def wait(self, condition):
    from selenium.common import exceptions
    from selenium.webdriver.support import ui

    ignored = [exceptions.StaleElementReferenceException]
    waiting = ui.WebDriverWait(self._browser, pages.WAIT, 0.2, ignored)
    return waiting.until(lambda _: condition())

  def upload(self, path: pathlib.Path) -> None:
    self.find('#upload input[type=file]')[0].send_keys(str(path))

  def text(self, selector: str) -> str:
    return ' '.join(element.text for element in self.find(selector))

  def shown(self, name: str) -> None:
    """Waits until the pictures of an image are there."""
    self.wait(lambda: name in self.text('#summary'))
    self.wait(lambda: len(self.sources()) == 5)

  def sources(self) -> list[str]:
    """Returns the addresses of the pictures that are there in full.

    These are the photograph, once more with heat and outline over it, and the
    mask.
    """
    return [
        image.get_attribute('src')
        for image in self.find('#results .picture img')
        if image.is_displayed() and image.get_property('naturalWidth')
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
  page = Page(browser, server.address)
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
  page.wait(lambda: page.sources()[3:] not in ([], before[3:]))
  (heat,) = page.find('#heat')
  assert float(heat.value_of_css_property('opacity')) == 0.5
  page.move('opacity', 3)
  assert float(heat.value_of_css_property('opacity')) == pytest.approx(0.65)

  for kind in ('json', 'mask.png', 'heat.png'):  # More at once are refused.
    page.find(f'#{kind.replace(".", "_")}')[0].click()
    page.wait((tmp_path / f'downloads/a.png.{kind}').exists)
  record = json.loads((tmp_path / 'downloads/a.png.json').read_text())
  share = (result.score >= 0.55).mean()
  assert record['threshold'] == 0.55 and record['image'] == 'a.png'
  assert record['manipulated_share'] == pytest.approx(share, abs=1e-3)
  with Image.open(tmp_path / 'downloads/a.png.mask.png') as mask:
    assert np.asarray(mask).mean() / 255 == pytest.approx(share, abs=1e-3)

  page.find('#threshold button')[0].click()
  page.wait(lambda: '0.50' in page.text('#summary'))
  page.find('#samples button')[0].click()
  page.shown('copy-move')
  assert not page.text('#message')
  for url in page.requests():
    allowed = (server.address, 'data:', 'blob:', 'about:')
    assert url.startswith(allowed), url
  assert not server.uploads()


def test_the_tab_of_reports(server, browser, tmp_path):
  from selenium.webdriver.common import keys

  page = Page(browser, server.address)
  name = 'a.jpg'
  script = '<img src=x onerror=alert(1)>'
  block = specimens.exif({271: script})
  photograph = Image.fromarray(trees.photograph(3, (90, 130)))
  (tmp_path / name).write_bytes(specimens.jpeg(photograph, exif=block))
  page.upload(tmp_path / name)
  page.shown(name)

  # By keyboard; the photograph that is there is examined as well.
  first, second = page.find('[role=tab]')
  first.send_keys(keys.Keys.ARROW_RIGHT)
  assert browser.switch_to.active_element == second
  assert second.get_attribute('aria-selected') == 'true'
  assert [tab.get_attribute('tabindex') for tab in (first, second)] == [
      '-1', '0',
  ]  # fmt: skip
  panels = page.find('[role=tabpanel]')
  assert [panel.is_displayed() for panel in panels] == [False, True]
  page.wait(lambda: page.text('#report_name') == name)
  (frame,) = page.find('#report_frame iframe')
  assert frame.get_attribute('sandbox') == '' and frame.accessible_name
  browser.switch_to.frame(frame)
  page.wait(lambda: 'Reading it' in page.text('h2'))
  assert script in page.text('body')
  assert page.text('h1') == name and len(page.find('img')) >= 2
  pictures = page.find('img')
  assert all(picture.get_property('naturalWidth') for picture in pictures)
  (body,) = page.find('body')
  assert float(body.value_of_css_property('font-size')[:-2]) >= 14
  browser.switch_to.default_content()

  for button in page.find('#report_downloads button'):
    assert button.accessible_name
    button.click()
    kind = button.get_attribute('data-kind')
    page.wait((tmp_path / f'downloads/a.jpg.{kind}').exists)
  record = json.loads((tmp_path / 'downloads/a.jpg.report.json').read_text())
  assert record['file'] == name and record['identity']['suffix_fits']
  assert record['identity']['sha256'] == provenance.sha256_of_file(
      tmp_path / name
  )

  # The other tab still shows what it showed; examples are examined as well.
  second.send_keys(keys.Keys.HOME)
  assert len(page.sources()) == 5 and not page.text('#message')
  second.click()
  page.find('#samples button')[0].click()
  page.wait(lambda: page.text('#report_name') not in ('', name))
  for url in page.requests():
    allowed = (server.address, 'data:', 'blob:', 'about:')
    assert url.startswith(allowed), url
  assert not server.uploads()


def test_a_broken_file_is_a_sentence_in_place_of_a_report(
    server, browser, tmp_path
):
  page = Page(browser, server.address)
  page.find('#examine_tab')[0].click()
  assert not page.text('#message')
  (tmp_path / 'a.jpg').write_bytes(b'\xff\xd8\xff\xe0 no more')
  page.upload(tmp_path / 'a.jpg')
  page.wait(lambda: 'a.jpg is' in page.text('#message [role=alert]'))
  assert not page.find('iframe')


def test_a_report_on_a_phone(server, browser):
  size = {'width': 360, 'height': 740, 'deviceScaleFactor': 1, 'mobile': True}
  browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', size)
  page = Page(browser, server.address)
  page.find('#examine_tab')[0].click()
  page.find('#samples button')[0].click()
  page.wait(lambda: page.text('#report_name'))
  width = 'return document.documentElement.scrollWidth'
  assert browser.execute_script(width) == 360
  browser.switch_to.frame(page.find('iframe')[0])
  page.wait(lambda: page.find('h1'))
  (body,) = page.find('body')
  assert body.size['width'] <= 330


def test_a_broken_file_is_a_sentence(server, browser, tmp_path):
  page = Page(browser, server.address)
  name = '<img src=x onerror=alert(1)>.jpg'
  (tmp_path / name).write_bytes(b'\xff\xd8\xff\xe0 no more')
  page.upload(tmp_path / name)
  page.wait(lambda: f'{name} is' in page.text('#message [role=alert]'))
  assert 'Traceback' not in page.text('body')
  assert not page.sources(), 'no result of another file beside the sentence'


def test_a_file_is_dropped(server, browser, tmp_path):
  page = Page(browser, server.address)
  drop = """
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 70;
    canvas.toBlob((blob) => {
      const data = new DataTransfer();
      data.items.add(new File([blob], 'dropped.png'));
      document.dispatchEvent(new ClipboardEvent(
        'paste', {clipboardData: data},
      ));
    });
  """
  browser.execute_script(drop)
  page.shown('dropped.png')
  assert 'Nothing could be measured' in page.text('#regions')


def test_all_is_reached_by_keyboard_and_has_a_name(server, browser):
  from selenium.webdriver.common import keys

  page = Page(browser, server.address)
  button = page.find('#samples button')[1]
  button.send_keys(keys.Keys.ENTER)
  page.shown('splice')
  assert browser.switch_to.active_element.get_attribute('id') == 'name'
  seen = ':not([hidden] *)'  # Of the other tab.
  controls = page.find(f'button{seen}, input{seen}, [tabindex="0"]{seen}')
  assert len(controls) > 12
  for control in controls:
    assert control.accessible_name, control.get_attribute('outerHTML')
  for image in page.find('img'):
    assert image.get_attribute('alt') is not None


def test_a_phone(server, browser):
  size = {'width': 360, 'height': 740, 'deviceScaleFactor': 1, 'mobile': True}
  browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', size)
  page = Page(browser, server.address)
  page.find('#samples button')[0].click()
  page.shown('copy-move')
  width = 'return document.documentElement.scrollWidth'
  assert browser.execute_script(width) == 360
  lefts = {picture.location['x'] for picture in page.find('.picture')}
  assert len(lefts) == 1, 'one below the other'
