"""The page on exporting: its commands, then the code that reads their files."""

import shlex

import documents
import pytest
from test_docs_commands import EXPORTS
from test_docs_commands import workplace  # noqa: F401

from manloc_jax import cli


@pytest.mark.slow
def test_the_code_reads_what_the_commands_write(workplace):  # noqa: F811
  for name in ('onnxruntime', 'huggingface_hub'):
    pytest.importorskip(name, reason=f'{name} is of an extra.')
  for command in EXPORTS:
    assert cli.main(shlex.split(command)[1:]) == 0
  blocks = [
      block
      for page, block in documents.read_blocks('python')
      if page == 'exporting.md' and 'push_to_hub' not in block
  ]
  results = [{} for _ in blocks]
  for block, result in zip(blocks, results, strict=True):
    exec(compile(block, 'exporting.md', 'exec'), result)
  of_jax, of_onnx, of_fusion, localizer = results
  assert of_jax['scores']['pixel_scores'].shape == (3, 64, 64)
  assert of_onnx['pixel_scores'].shape == (3, 64, 64)
  assert of_onnx['facts']['method'] == 'network'
  rows, columns = (side // 8 for side in of_fusion['pixels'].shape[:2])
  assert of_fusion['scores'].shape == (1, rows, columns)
  assert localizer['localizer'].provenance['method'] == 'network'
