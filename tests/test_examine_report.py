"""Reports: their schema, hostile metadata made inert, and pages that are."""

import contextlib
import functools
import html.parser
import io
import json
import pathlib
import random
import shutil
import struct
import zlib

import hostile
import pytest
import specimens

from manloc_jax import files
from manloc_jax.data import spec
from manloc_jax.examine import exif
from manloc_jax.examine import page
from manloc_jax.examine import report as report_lib
from manloc_jax.examine import section as section_lib
from manloc_jax.examine import xmp

LONG = 'x' * 3_000_000
HOSTILE = f'{specimens.SCRIPT}{specimens.CONTROL}"><img src=x onerror=y>'


@pytest.fixture
def examine(tmp_path):
  """Examines bytes; returns the report."""

  def run(data: bytes, name: str = 'a.jpg') -> report_lib.Report:
    path = tmp_path / name
    path.write_bytes(data)
    return report_lib.build(path, name, specimens.Localizer())

  return run


def check(record: dict) -> None:
  """Validates a record as it comes back from JSON."""
  jsonschema = pytest.importorskip('jsonschema')
  schema = json.loads(report_lib.SCHEMA.read_text())
  jsonschema.Draft202012Validator.check_schema(schema)
  jsonschema.validate(json.loads(json.dumps(record)), schema)


class _Tags(html.parser.HTMLParser):
  """Collects the tags, attributes and text of a page."""

  def __init__(self, text: str):
    super().__init__()
    self.tags: set[str] = set()
    self.attributes: set[str] = set()
    self.links: list[str] = []
    self.text = ''
    self.feed(text)

  def handle_starttag(self, tag, attrs):
    self.tags.add(tag)
    self.attributes.update(name for name, _ in attrs)
    self.links += [v for name, v in attrs if name in ('src', 'href')]
    if tag == 'img':
      assert dict(attrs)['alt'] is not None

  def handle_data(self, data):
    self.text += data


@functools.cache
def hostile_files() -> dict[str, bytes]:
  """Files whose metadata attack the reader, by name."""
  block = specimens.exif(
      {270: HOSTILE, 271: HOSTILE, 305: f'Photoshop {HOSTILE}'},
      {36867: HOSTILE},
  )
  packet = specimens.xmp(
      'xmp:CreatorTool="&lt;script>alert(1)&lt;/script>"',
      f'<xmp:Label>{"y" * 100_000}</xmp:Label>',
  )
  traversal = b'../../etc/passwd\\..\\x'
  bomb = zlib.compress(bytes(50_000_000))
  deep = b'<a>' * 100_000
  return {
      'exif.jpg': specimens.jpeg(exif=block, comment=HOSTILE.encode()),
      'xmp.jpg': specimens.with_segments(
          specimens.jpeg(), specimens.xmp_segment(packet[:60_000])
      ),
      'packet.jpg': specimens.with_segments(
          specimens.jpeg(),
          specimens.xmp_segment(
              specimens.xmp('xmp:CreatorTool="&lt;script>a&lt;/script>"')
          ),
      ),
      'entities.jpg': specimens.with_segments(
          specimens.jpeg(), specimens.xmp_segment(specimens.DOCTYPE)
      ),
      'deep.png': specimens.png({'XML:com.adobe.xmp': deep.decode()}),
      'iptc.jpg': specimens.with_segments(
          specimens.jpeg(),
          specimens.photoshop_segment(
              specimens.resource(
                  0x0404,
                  specimens.iptc(80, HOSTILE.encode())
                  + specimens.iptc(5, traversal),
              )
          ),
      ),
      'long.png': specimens.png({'parameters': LONG, specimens.SCRIPT: 'x'}),
      'bomb.png': hostile.png(
          8, 8, hostile.chunk(b'zTXt', b'Comment\0\0' + bomb)
      ),
      'many.png': hostile.png(
          8, 8, *(hostile.chunk(b'tEXt', b'a\0b') for _ in range(30_000))
      ),
      'count.jpg': specimens.jpeg(
          exif=b'Exif\0\0II*\0\x08\0\0\0\x01\0'
          + struct.pack('<HHII', 270, 2, 2**32 - 1, 8)
          + bytes(4)
      ),
      'loop.jpg': specimens.jpeg(
          exif=b'Exif\0\0II*\0\x08\0\0\0\x01\0'
          + struct.pack('<HHII', 0x8769, 4, 1, 8)
          + struct.pack('<I', 8)
      ),
      'zero.jpg': specimens.jpeg(
          exif=b'Exif\0\0II*\0\x08\0\0\0\x01\0'
          + struct.pack('<HHII', 282, 5, 1, 26)
          + bytes(12)
      ),
  }


@pytest.mark.parametrize('name', hostile_files())
def test_hostile_metadata_are_inert(examine, name):
  report = examine(hostile_files()[name], name)
  assert not any('failed' in report.record[key] for key in page._TITLES)
  text = json.dumps(report.record, ensure_ascii=False)
  assert '\x1b' not in text and '\u202e' not in text and '\x07' not in text
  assert len(text) < 400_000
  shown = _Tags(page.of_report(report))
  assert not shown.tags & {'script', 'iframe', 'object', 'form', 'base'}
  assert not any(name.startswith('on') for name in shown.attributes)
  assert all(link.startswith(('data:', '#')) for link in shown.links)
  assert len(page.of_report(report)) < 2_000_000
  check(report.record)


def test_hostile_text_is_still_to_be_read(examine):
  report = examine(hostile_files()['exif.jpg'])
  assert specimens.SCRIPT in report.record['metadata']['summary']['make']
  assert specimens.SCRIPT in _Tags(page.of_report(report)).text


def test_entities_and_deep_packets_are_refused(examine):
  record = examine(hostile_files()['entities.jpg']).record
  assert 'document type' in record['metadata']['xmp']['cannot_tell']
  record = examine(hostile_files()['deep.png'], 'a.png').record
  assert 'nested' in record['metadata']['xmp']['cannot_tell']
  for packet in (specimens.DOCTYPE, b'<a>', b'', b'x' * 2_000_000):
    with pytest.raises(ValueError):
      xmp.read(packet)


def test_long_texts_say_that_they_are_cut():
  text = section_lib.inert_text(LONG)
  assert len(text) < 600 and '3,000,000 characters' in text
  assert section_lib.inert(['a'] * 9_999) == ['a'] * section_lib.LONGEST_LIST


@pytest.mark.parametrize('seed', range(40))
def test_garbled_blocks_never_fail(seed):
  noise = random.Random(seed)
  block = bytearray(
      specimens.exif({271: 'Canon', 306: 'x', 282: 3.0}, {36867: 'y', 33434: 1})
  )
  for _ in range(8):
    block[noise.randrange(14, len(block))] = noise.randrange(256)
  for entry in exif.read(bytes(block)):
    assert isinstance(entry.text, str) and entry.name


@functools.cache
def samples() -> dict[str, bytes]:
  """Sound and odd files of every format that Pillow writes."""
  picture = specimens.photograph()
  found = {
      'a.jpg': specimens.jpeg(),
      'grey.jpg': specimens.jpeg(picture.convert('L')),
      'cmyk.jpg': specimens.jpeg(picture.convert('CMYK')),
      'cut.jpg': specimens.jpeg()[:-900],
      'header.jpg': specimens.jpeg()[:100],
      'start.jpg': b'\xff\xd8\xff',
      'a.png': specimens.png(),
      'small.png': hostile.encode(picture.resize((9, 9)), 'PNG'),
      'flat.png': hostile.encode(picture.point(lambda _: 9), 'PNG'),
      'liar.png': specimens.jpeg(),
      'archive.jpg': specimens.jpeg() + b'PK\x03\x04' + bytes(99),
      'a.ppm': hostile.encode(picture, 'PPM'),
  }
  for kind in ('WEBP', 'GIF', 'BMP', 'TIFF'):
    found[f'a.{kind.lower()}'] = hostile.encode(picture, kind)
    found[f'cut.{kind.lower()}'] = found[f'a.{kind.lower()}'][:-500]
  return found


@pytest.mark.parametrize('name', samples())
def test_every_format_gives_a_valid_report(examine, name):
  report = examine(samples()[name], name)
  assert not any('failed' in report.record[key] for key in page._TITLES)
  assert _Tags(page.of_report(report)).text
  check(report.record)


@pytest.mark.parametrize('name', samples())
def test_garbled_files_are_refused_or_give_a_valid_report(examine, name):
  noise = random.Random(name)
  reports = []
  for _ in range(6):
    data = bytearray(samples()[name])
    for _ in range(noise.randrange(1, 20)):
      data[noise.randrange(min(len(data), 900))] = noise.randrange(256)
    with contextlib.suppress(spec.DataError):
      reports.append(examine(bytes(data[: noise.randrange(1, 9_000)]), name))
  for report in reports:
    failed = [key for key in page._TITLES if 'failed' in report.record[key]]
    assert not failed and page.of_report(report)
  for report in reports:
    check(report.record)


def test_a_report_depends_on_nothing_but_the_time(examine):
  one, two = (examine(specimens.jpeg()) for _ in range(2))
  pages = [
      page.of_report(report).replace(report.record['time'], '')
      for report in (one, two)
  ]
  assert pages[0] == pages[1]
  assert {**one.record, 'time': ''} == {**two.record, 'time': ''}


def test_a_section_that_fails_leaves_the_others(examine, monkeypatch):
  def fail(_):
    raise RuntimeError('no bytes')

  monkeypatch.setitem(report_lib._SECTIONS, 'metadata', fail)
  record = examine(specimens.jpeg()).record
  assert 'no bytes' in record['metadata']['failed']['cannot_tell']
  assert record['identity']['format'] == 'JPEG'
  check(record)


def test_the_index_shows_names_as_text(examine):
  name = '<b>&"\u202e.jpg'
  report = examine(specimens.jpeg(), name)
  rejected = [{'image': 'x', 'error': f'{HOSTILE} is broken.'}]
  shown = _Tags(page.of_index([report.record], [f'{name}.html'], rejected))
  assert 'b' not in shown.tags and 'script' not in shown.tags
  assert './%3Cb%3E%26%22%E2%80%AE.jpg.html' in shown.links
  assert specimens.SCRIPT in shown.text and '\u202e' not in shown.text


def test_the_index_has_three_orders(examine):
  """Radio buttons choose the place of every row, without scripts."""
  record = examine(specimens.jpeg()).record
  records = []
  for score, strong in ((0.2, 3), (0.9, 0), (0.5, 3)):
    one = json.loads(json.dumps(record))
    one['maps']['fusion']['image_score'] = score
    one['reading']['counts']['strong'] = strong
    records.append(one)
  names = ['b.html', 'c.html', 'a.html']
  text = page.of_index(records, names, [])
  rows = [row.partition('>')[0] for row in text.split('<tr style=')[1:]]
  assert rows == [
      '"--score:0;--name:2;--strong:2"',
      '"--score:1;--name:0;--strong:0"',
      '"--score:2;--name:1;--strong:1"',
  ]
  assert text.count('type="radio"') == 3 and '<script' not in text
  for name in ('name', 'strong'):
    assert f'#by-{name}:checked ~ .index tr {{ order: var(--{name})' in text


def test_files_that_are_too_large_are_refused(examine, monkeypatch):
  from manloc_jax.examine import opened_file

  monkeypatch.setattr(opened_file, 'MOST_BYTES', 100)
  with pytest.raises(spec.DataError, match='cannot be read'):
    examine(specimens.jpeg())


@pytest.mark.slow
def test_pages_open_in_a_browser_without_requests(examine, tmp_path):
  """Neither errors on the console nor requests; readable on a phone."""
  webdriver = pytest.importorskip('selenium.webdriver')
  chromium, driver = map(shutil.which, ('chromium', 'chromedriver'))
  if not chromium or not driver:
    pytest.skip('There is no Chromium.')
  picture = specimens.photograph(320)
  block = specimens.thumbnail_block(specimens.jpeg(picture.resize((160, 160))))
  data = specimens.jpeg(picture, exif=block, comment=HOSTILE.encode())
  report = examine(data)
  files.write_text(tmp_path / 'a.html', page.of_report(report))
  options = webdriver.ChromeOptions()
  options.binary_location = chromium
  for argument in ('--headless=new', '--no-sandbox', '--disable-gpu'):
    options.add_argument(argument)
  options.set_capability(
      'goog:loggingPrefs', {'browser': 'ALL', 'performance': 'ALL'}
  )
  browser = webdriver.Chrome(
      options=options, service=webdriver.ChromeService(driver)
  )
  try:
    browser.set_window_size(400, 800)
    browser.get((tmp_path / 'a.html').as_uri())
    wide = browser.execute_script(
        'return document.documentElement.scrollWidth - window.innerWidth'
    )
    assert wide <= 0
    size = browser.execute_script(
        'return parseFloat(getComputedStyle(document.body).fontSize)'
    )
    assert size >= 14
    assert all(
        browser.execute_script(
            'return [...document.images].map(i => i.naturalWidth > 0)'
        )
    )
    # On paper nothing can be opened.
    hidden = """return [...document.querySelectorAll('details td')].filter(
        cell => !cell.checkVisibility({contentVisibilityAuto: true})).length"""
    assert browser.execute_script(hidden) > 0
    browser.execute_cdp_cmd('Emulation.setEmulatedMedia', {'media': 'print'})
    assert browser.execute_script(hidden) == 0
    assert not browser.get_log('browser')
    asked = [
        json.loads(entry['message'])['message']['params']['request']['url']
        for entry in browser.get_log('performance')
        if '"Network.requestWillBeSent"' in entry['message']
    ]
    assert not [
        url for url in asked if not url.startswith(('file:', 'data:'))
    ]
  finally:
    browser.quit()


def test_the_schema_lies_in_the_package():
  assert report_lib.SCHEMA.is_file()
  assert pathlib.Path(page._STYLE).is_file()
  assert 'url(' not in pathlib.Path(page._STYLE).read_text()
  assert io.StringIO(page.of_index([], [], [])).read()
