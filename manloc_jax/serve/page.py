"""Builds the page: its components and their actions, in Gradio."""

from collections.abc import Iterator, Sequence
import pathlib
from typing import Any

import gradio as gr

from manloc_jax import errors
from manloc_jax.serve import analysis as analysis_lib
from manloc_jax.serve import samples as samples_lib
from manloc_jax.serve import texts

CSS = (pathlib.Path(__file__).parent / 'page.css').read_text()

_OPACITY = 0.5  # At first.
# Files older than the second are deleted as often as the first says, seconds.
_DELETE_CACHE = (600, 3600)
# A small screen shows results only then. There are none after a refusal.
_SCROLL = (
    "() => { document.getElementById('results')"
    "?.scrollIntoView({behavior: 'smooth'}); }"
)
_WAITING = 16  # Jobs; more are refused, with the advice to try again.


class _Page:
  """The components of the page and their actions."""

  def __init__(
      self,
      localizer: analysis_lib.Localizer,
      folder: pathlib.Path,
      samples: Sequence[samples_lib.Sample],
  ):
    self._localizer = localizer
    self._samples = samples
    self._results = analysis_lib.ResultCache(folder)
    self._lay_out()
    self._connect()

  def _lay_out(self) -> None:
    gr.HTML(texts.head(), elem_id='head')
    with gr.Row():
      with gr.Column(min_width=300):
        gr.HTML(texts.limits())
        self.upload = gr.File(label='Photograph', elem_id='upload', height=150)
      with gr.Column(min_width=300):
        gr.HTML(texts.examples())
        self.samples = gr.Gallery(
            [(sample.path, sample.caption) for sample in self._samples],
            show_label=False,
            elem_id='samples',
            columns=len(self._samples),
            rows=1,
            height=150,
            allow_preview=False,
            interactive=False,
            object_fit='cover',
            buttons=[],
        )
    self.message = gr.HTML(elem_id='message')
    with gr.Column(visible=False, elem_id='results') as self.results:
      self._lay_out_results()
    gr.HTML(texts.meaning(self._localizer.provenance), elem_id='meaning')
    self.key = gr.State('')

  def _lay_out_results(self) -> None:
    self.summary = gr.HTML(elem_id='summary')
    with gr.Row():
      with gr.Column(min_width=300):
        self.image = self._picture('Photograph', 'jpeg')
      with gr.Column(min_width=300):
        self.overlay = self._picture('Heat map, mask outlined', 'jpeg')
        gr.HTML(texts.legend())
    with gr.Row():
      self.opacity = self._slider('Opacity of the heat map', _OPACITY, 0.05)
      self.threshold = self._slider(
          'Threshold of the mask', self._localizer.threshold, 0.01
      )
    with gr.Row():
      with gr.Column(min_width=300):
        self.mask = self._picture('Mask: white is manipulated', 'png')
      with gr.Column(min_width=300):
        self.regions = gr.HTML(elem_id='regions')
        with gr.Row():
          self.downloads = [
              gr.DownloadButton(label, elem_id=name, size='md', min_width=90)
              for label, name in (
                  ('JSON', 'json'),
                  ('Mask PNG', 'mask_png'),
                  ('Heat PNG', 'heat_png'),
              )
          ]

  def _slider(self, label: str, value: float, step: float) -> gr.Slider:
    return gr.Slider(
        0,
        1,
        value,
        step=step,
        label=label,
        elem_id=label.split()[0].lower(),
        min_width=300,
        interactive=True,
    )

  def _picture(self, label: str, kind: str) -> gr.Image:
    return gr.Image(
        label=label,
        format=kind,
        interactive=False,
        buttons=['fullscreen'],
        elem_classes='picture',
    )

  def _connect(self) -> None:
    private: dict[str, Any] = {'api_visibility': 'private'}
    self._view = [
        self.overlay,
        self.mask,
        self.summary,
        self.regions,
        *self.downloads,
    ]
    shown = [
        self.message,
        self.results,
        self.upload,
        self.key,
        self.threshold,
        self.image,
        *self._view,
    ]
    run: dict[str, Any] = {
        'outputs': shown,
        'concurrency_limit': 1,
        'concurrency_id': 'network',  # One image at a time, whoever asks.
        'show_progress_on': self.message,
        **private,
    }
    inputs = [self.upload, self.opacity]
    for opened in (
        self.upload.upload(self._open_file, inputs, **run),
        self.samples.select(self._open_sample, self.opacity, **run),
    ):
      opened.then(None, js=_SCROLL, **private)
    moved: dict[str, Any] = {
        'show_progress': 'hidden',
        'trigger_mode': 'always_last',  # As quick as the machine can.
        'concurrency_limit': 1,
        'concurrency_id': 'painting',
        **private,
    }
    inputs = [self.key, self.threshold, self.opacity]
    self.threshold.input(
        self._move_threshold, inputs, [self.message, *self._view], **moved
    )
    self.opacity.input(
        self._move_opacity, inputs, [self.message, self.overlay], **moved
    )

  def _open_file(
      self, upload: str, opacity: float
  ) -> Iterator[dict[Any, Any]]:
    path = pathlib.Path(upload)
    try:
      yield from self._open(path, opacity)
    finally:
      path.unlink(missing_ok=True)

  def _open_sample(
      self, opacity: float, event: gr.SelectData
  ) -> Iterator[dict[Any, Any]]:
    yield from self._open(self._samples[event.index].path, opacity)

  def _open(
      self, path: pathlib.Path, opacity: float
  ) -> Iterator[dict[Any, Any]]:
    """Localizes in a file; yields updates of the page."""
    hidden = {self.results: gr.update(visible=False)}
    yield {self.message: texts.working(path.name), **hidden}
    try:
      analysis = analysis_lib.analyse(path, path.name, self._localizer)
      key = self._results.add(analysis)
      threshold = self._localizer.threshold
      shown = self._show(key, analysis, threshold, opacity)
    except Exception as error:
      yield {self.message: _refusal(error), self.upload: None, **hidden}
      return
    yield {
        self.message: '',
        self.results: gr.update(visible=True),
        self.upload: None,  # Ready for the next.
        self.key: key,
        self.threshold: threshold,
        self.image: analysis.image,
        **shown,
    }

  def _move_threshold(
      self, key: str, threshold: float, opacity: float
  ) -> dict[Any, Any]:
    try:
      analysis = self._results.get(key)
      return self._show(key, analysis, threshold, opacity)
    except Exception as error:
      return {self.message: _refusal(error)}

  def _move_opacity(
      self, key: str, threshold: float, opacity: float
  ) -> dict[Any, Any]:
    try:
      analysis = self._results.get(key)
      picture = analysis.overlay(analysis.at(threshold), opacity)
    except Exception as error:
      return {self.message: _refusal(error)}
    return {self.overlay: picture}

  def _show(
      self,
      key: str,
      analysis: analysis_lib.Analysis,
      threshold: float,
      opacity: float,
  ) -> dict[Any, Any]:
    view = analysis.at(threshold)
    values = [
        analysis.overlay(view, opacity),
        view.mask_picture(),
        texts.summary(view.record),
        texts.regions(view.record),
        *self._results.downloads(key, view),
    ]
    return dict(zip(self._view, values, strict=True))


def _refusal(error: Exception) -> str:
  """Returns the sentence for the page, without paths of this machine.

  Raises:
    Exception: The error is a bug; the page shows no details of it.
  """
  if isinstance(error, errors.UserError):
    return texts.error(str(error))
  if errors.is_out_of_memory(error):
    return texts.error(
        'The machine of this page lacks the memory for this photograph; crop'
        ' it, or try again later.'
    )
  if isinstance(error, OSError):
    return texts.error(
        'The machine of this page could not read or write a file'
        f' ({error.strerror or "for no known reason"}); try again later.'
    )
  raise error


def build(
    localizer: analysis_lib.Localizer,
    folder: pathlib.Path,
    samples: Sequence[samples_lib.Sample],
) -> gr.Blocks:
  """Lays out the page.

  Args:
    localizer: The localizer to run.
    folder: Folder for downloads, which Gradio must be allowed to send.
    samples: Examples to click.
  """
  # They are sent from where they are; nobody can pass one off as an upload,
  # which would be deleted.
  gr.set_static_paths([sample.path for sample in samples])
  with gr.Blocks(
      title=texts.TITLE, analytics_enabled=False, delete_cache=_DELETE_CACHE
  ) as blocks:
    _Page(localizer, folder, samples)
  return blocks.queue(max_size=_WAITING)
