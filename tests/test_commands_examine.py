"""`manloc examine`: reports, the index, resuming, bad files, exit codes."""

import json
import os
import pathlib

import pytest
import signing
import specimens

from manloc_jax import cli
from manloc_jax.localization import factory


@pytest.fixture
def command(tmp_path, capsys, monkeypatch):
  """Runs the command; returns exit code, lines and standard error."""
  monkeypatch.setattr(factory, 'make', lambda **_: specimens.Localizer())

  def run(*paths):
    code = cli.main(
        ['examine', *map(str, paths), f'--out={tmp_path / "out"}']
    )
    printed = capsys.readouterr()
    return code, [*map(json.loads, printed.out.splitlines())], printed.err

  return run


@pytest.fixture
def folder(tmp_path):
  """A folder with two images, one below the other."""
  folder = tmp_path / 'files'
  (folder / 'below').mkdir(parents=True)
  (folder / 'a.jpg').write_bytes(specimens.jpeg())
  (folder / 'below' / 'b.png').write_bytes(specimens.png())
  return folder


def times(folder: pathlib.Path) -> dict[str, int]:
  return {
      str(path): path.stat().st_mtime_ns for path in folder.rglob('*.report.*')
  }


def test_a_folder_gives_reports_and_an_index(command, folder, tmp_path):
  code, lines, err = command(folder)
  assert code == 0 and '2 of 2 images examined, 0 of them before' in err
  out = tmp_path / 'out'
  for name, line in zip(('a.jpg', 'below/b.png'), lines, strict=True):
    assert line['report'] == f'{name}.report.html'
    assert (out / line['report']).is_file()
    report = json.loads((out / f'{name}.report.json').read_text())
    assert report['file'] == name
    assert report['reading']['counts'] == line['counts']
  index = (out / 'index.html').read_text()
  assert './below/b.png.report.html' in index and 'data:image/jpeg' in index
  assert not [*out.rglob('*.tmp')]


def test_one_file_needs_no_index(command, folder, tmp_path):
  assert command(folder / 'a.jpg')[0] == 0
  assert not (tmp_path / 'out' / 'index.html').exists()


def test_what_is_done_is_skipped(command, folder, tmp_path):
  command(folder)
  out = tmp_path / 'out'
  before = times(out)
  # As if it had been killed while it wrote the second report.
  (out / 'below' / 'b.png.report.json').unlink()
  code, lines, _ = command(folder)
  assert code == 0 and [line['skipped'] for line in lines] == [True, False]
  changed = {name for name, time in times(out).items() if time != before[name]}
  assert changed == {
      str(out / 'below' / f'b.png.report.{kind}') for kind in ('json', 'html')
  }
  (folder / 'a.jpg').write_bytes(specimens.jpeg(quality=50))
  assert [line['skipped'] for line in command(folder)[1]] == [False, True]


def test_broken_reports_are_made_anew(command, folder, tmp_path):
  command(folder)
  for text in ('', '[]', '{"identity": 3}'):
    (tmp_path / 'out' / 'a.jpg.report.json').write_text(text)
    assert [line['skipped'] for line in command(folder)[1]] == [False, True]


def test_bad_files_are_listed_with_a_reason(command, folder, tmp_path):
  (folder / 'text.jpg').write_text('no image')
  (folder / 'notes.txt').write_text('passed over')
  code, lines, err = command(folder)
  assert code == 1 and 'is no image by its first bytes' in err
  (failed,) = (line for line in lines if 'error' in line)
  summary = json.loads((tmp_path / 'out' / 'summary.json').read_text())
  assert summary['failed'] == [failed] and summary['examined'] == 2
  passed_over = summary['passed_over_paths']
  assert [pathlib.Path(i['path']).name for i in passed_over] == ['notes.txt']
  index = (tmp_path / 'out' / 'index.html').read_text()
  assert 'Not examined' in index and 'text.jpg' in index


def test_links_that_lead_nowhere_are_named(command, folder):
  (folder / 'lost.jpg').symlink_to('nothing')
  code, _, err = command(folder)
  assert code == 0 and 'lost.jpg leads nowhere' in err


def test_a_trust_list_makes_reports_anew(command, folder, tmp_path):
  pytest.importorskip('c2pa')
  pytest.importorskip('cryptography')
  signer, root = signing.make_signer()
  data = signing.sign(specimens.jpeg(), 'digitalCapture', None, signer)
  (folder / 'a.jpg').write_bytes(data)
  (tmp_path / 'list.pem').write_bytes(root)
  option = f'--trust_list={tmp_path / "list.pem"}'

  def sentence() -> str:
    report = json.loads((tmp_path / 'out/a.jpg.report.json').read_text())
    (found,) = (
        finding['sentence']
        for finding in report['reading']['findings']
        if finding['id'] == 'credentials_hold'
    )
    return found

  command(folder / 'a.jpg')
  assert 'was not checked' in sentence()
  code, (line,), _ = command(folder / 'a.jpg', option)
  assert code == 0 and not line['skipped']
  assert 'an authority of the trust list vouches' in sentence()
  assert command(folder / 'a.jpg', option)[1][0]['skipped']
  (tmp_path / 'list.pem').write_bytes(signing.certificate_of_an_authority())
  assert not command(folder / 'a.jpg', option)[1][0]['skipped']
  assert 'no authority of the trust list vouches' in sentence()
  (tmp_path / 'list.pem').write_text('no list')
  code, lines, err = command(folder / 'a.jpg', option)
  assert code == 2 and not lines and err.count('\n') == 1


def test_broken_pixels_still_give_a_report(command, folder, tmp_path):
  (folder / 'a.jpg').write_bytes(specimens.jpeg()[:-900])
  assert command(folder / 'a.jpg')[0] == 0
  report = json.loads((tmp_path / 'out/a.jpg.report.json').read_text())
  assert 'cannot_tell' in report['maps']['fusion']


def test_exit_codes_of_nothing(command, folder, tmp_path):
  assert command(folder / 'none.jpg')[0] == 2
  assert command(tmp_path / 'files' / 'below' / '*.gif')[0] == 2
  os.mkdir(tmp_path / 'empty')
  code, _, err = command(tmp_path / 'empty')
  assert code == 2 and len(err.splitlines()) == 1


def test_names_that_attack_stay_inside(command, folder, tmp_path):
  name = '<img src=x onerror=alert(1)>\x1b[31m.jpg'
  (folder / name).write_bytes(specimens.jpeg())
  code, lines, err = command(folder)
  assert code == 0
  assert '\x1b' not in err + json.dumps(lines, ensure_ascii=True)
  index = (tmp_path / 'out' / 'index.html').read_text()
  assert '<img src=x' not in index and '\x1b' not in index


def test_results_are_not_written_through_links(command, folder, tmp_path):
  (tmp_path / 'elsewhere').mkdir()
  (tmp_path / 'out').mkdir()
  (tmp_path / 'out' / 'below').symlink_to(tmp_path / 'elsewhere')
  code, _, err = command(folder)
  assert code == 1 and 'link' in err
  assert not [*(tmp_path / 'elsewhere').iterdir()]
