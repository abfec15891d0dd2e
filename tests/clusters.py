"""A Ray cluster on this machine: a head and two nodes of one core each.

Nodes are processes of their own, and everything listens on the loopback
interface alone. Ray reads the variables that are set here when it is imported,
which has to be later.
"""

from collections.abc import Iterator
import contextlib
import os
import pathlib
import signal
import time
from typing import Any
from unittest import mock

import pytest

os.environ['RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER'] = '0'  # Loopback only.
os.environ['RAY_USAGE_STATS_ENABLED'] = '0'

ROOT = pathlib.Path(__file__).parents[1]
_OPTIONS = {'object_store_memory': 100_000_000, 'include_dashboard': False}


@contextlib.contextmanager
def started() -> Iterator[Any]:
  """Starts the cluster, of `ray.cluster_utils`, and ends it with the block."""
  pytest.importorskip('ray', reason='the extra ray is not installed')
  from ray import cluster_utils

  paths = [str(ROOT), str(ROOT / 'tests'), os.environ.get('PYTHONPATH')]
  path = os.pathsep.join(filter(None, paths))
  with mock.patch.dict(os.environ, PYTHONPATH=path):
    cluster = cluster_utils.Cluster(
        initialize_head=True, head_node_args={'num_cpus': 0, **_OPTIONS}
    )
    try:
      for _ in range(2):
        cluster.add_node(num_cpus=1, **_OPTIONS)
      yield cluster
    finally:
      cluster.shutdown()


def kill_worker(cluster: Any) -> None:
  """Kills a process that works on a task, as a lack of memory does."""
  worker, _ = _find_worker(cluster)
  os.kill(worker, signal.SIGKILL)


def kill_node(cluster: Any) -> None:
  """Kills a node whose worker is busy, and adds another one."""
  _, node = _find_worker(cluster)
  cluster.remove_node(node, allow_graceful=False)
  cluster.add_node(num_cpus=1, **_OPTIONS)


def _find_worker(cluster: Any) -> tuple[int, Any]:
  """Returns the id of a process that works on a task, and its node.

  Raises:
    TimeoutError: None began to work within half a minute.
  """
  nodes = {
      info.process.pid: node
      for node in cluster.list_all_nodes()
      for info in node.all_processes['raylet']
  }
  end = time.monotonic() + 30
  while time.monotonic() < end:
    for process in pathlib.Path('/proc').glob('[0-9]*'):
      with contextlib.suppress(OSError):
        title = (process / 'cmdline').read_bytes()
        parent = int((process / 'stat').read_text().rsplit(')')[1].split()[1])
        if parent in nodes and title.startswith(b'ray::_run'):
          return int(process.name), nodes[parent]
  raise TimeoutError('No process works on a task.')
