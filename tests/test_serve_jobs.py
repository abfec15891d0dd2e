"""Whose turn it is at the page of `manloc serve`, with a worker that waits."""

import asyncio
import threading
import time

import pytest

from manloc_jax import errors
from manloc_jax.serve import jobs
from manloc_jax.serve import pool as pool_lib
from manloc_jax.serve import refusal
from manloc_jax.serve import worker

LARGE = jobs.SMALL + 1


class Waiter:
  """A worker that needs as many seconds as the task says."""

  used = 100  # Bytes of memory.

  def __init__(self):
    self.pid = 0
    self._ended = threading.Event()
    self.is_ready = False
    made.append(self)

  def ask(self, task, seconds=0.0, error=None):
    if self._ended.wait(seconds):
      raise worker.Ended
    done.append(seconds)
    if error:
      raise error
    return {'seconds': seconds}

  def is_alive(self):
    return not self._ended.is_set()

  def end(self):
    self._ended.set()


made: list = []
done: list = []


@pytest.fixture(autouse=True)
def fakes(monkeypatch):
  made.clear()
  done.clear()
  monkeypatch.setattr(worker, 'Worker', Waiter)
  monkeypatch.setattr(worker, 'memory', lambda pid: Waiter.used)
  monkeypatch.setattr(jobs, '_PATIENCE', 0.3)
  monkeypatch.setattr(jobs, '_SETTLED', 0.1)
  monkeypatch.setattr(jobs, '_AFTER_LEAVING', 0.3)


def visitor(name, address='192.0.2.1'):
  return jobs.Visitor(address, name)


def with_jobs(scenario, **options):
  """Runs a scenario, a coroutine function of `Jobs`."""

  async def run():
    pool = pool_lib.Pool(lambda one: setattr(one, 'is_ready', True))
    queue = jobs.Jobs(
        pool,
        memory=pool.memory,
        memory_limit=1000,
        **{'time_limit': 30.0, **options},
    )
    working = asyncio.create_task(queue.work())
    try:
      return await asyncio.wait_for(scenario(queue), 20)
    finally:
      queue.close()
      working.cancel()

  return asyncio.run(run())


def begin(queue, who, cost=1, **arguments):
  return asyncio.create_task(queue.run(who, cost, 'wait', **arguments))


def test_a_job_is_done_by_a_worker_that_is_ready():
  async def scenario(queue):
    return await queue.run(visitor('a'), 1, 'wait', seconds=0.1)

  assert with_jobs(scenario) == {'seconds': 0.1}
  assert [one.is_ready for one in made] == [True]


def test_a_job_that_takes_too_long_is_ended_and_the_next_one_is_done():
  async def scenario(queue):
    with pytest.raises(refusal.Refusal, match=r'more than 0\.5 seconds'):
      await queue.run(visitor('a'), 1, 'wait', seconds=60)
    assert await queue.run(visitor('b'), 1, 'wait')

  with_jobs(scenario, time_limit=0.5)
  assert len(made) == 2 and not done[0]


def test_a_job_that_takes_too_much_memory_is_ended(monkeypatch):
  async def scenario(queue):
    task = begin(queue, visitor('a'), seconds=60)
    await asyncio.sleep(0.3)
    monkeypatch.setattr(Waiter, 'used', 1001)
    with pytest.raises(refusal.Refusal, match='more memory'):
      await task

  with_jobs(scenario)


@pytest.mark.parametrize('cost', [1, LARGE])
def test_a_job_is_ended_when_its_visitor_leaves(cost):
  async def scenario(queue):
    task = begin(queue, visitor('a'), cost, seconds=60)
    await asyncio.sleep(0.3)
    task.cancel()
    assert await queue.run(visitor('b'), 1, 'wait')

  with_jobs(scenario)
  assert len(made) == 2 and done == [0]


def test_a_visitor_who_leaves_the_queue_costs_nothing():
  async def scenario(queue):
    first = begin(queue, visitor('a'), seconds=0.5)
    leaving = begin(queue, visitor('b'), seconds=60)
    await asyncio.sleep(0.2)
    leaving.cancel()
    await first
    await queue.run(visitor('c'), 1, 'wait')

  with_jobs(scenario)
  assert done == [0.5, 0] and len(made) == 1


def test_a_new_job_of_a_visitor_replaces_the_old_one():
  async def scenario(queue):
    tasks = []
    for _ in range(50):
      tasks.append(begin(queue, visitor('greedy'), seconds=0.2))
      await asyncio.sleep(0)
    other = begin(queue, visitor('other'), seconds=0.1)
    *replaced, last = tasks
    for task in replaced:
      with pytest.raises(refusal.Refusal, match='came after it'):
        await task
    await last
    await other

  with_jobs(scenario)
  assert sorted(done) == [0.1, 0.2]


def test_who_has_used_little_goes_first_and_then_the_cheapest():
  order = []

  async def scenario(queue):
    async def note(name, cost, address='192.0.2.1', seconds=0.0):
      await queue.run(visitor(name, address), cost, 'wait', seconds=seconds)
      order.append(name)

    await note('busy', 1, seconds=2.0)
    blocking = asyncio.create_task(note('x', 1, seconds=0.3))
    await asyncio.sleep(0.1)
    await asyncio.gather(
        blocking,
        note('busy', 1),
        note('large', 9),
        note('small', 2),
        note('elsewhere', 9, '198.51.100.1'),
    )

  with_jobs(scenario)
  assert order == ['busy', 'x', 'elsewhere', 'small', 'large', 'busy']


def test_the_last_makes_room_for_a_better_one():
  async def scenario(queue):
    first = begin(queue, visitor('first'), seconds=0.5)
    await asyncio.sleep(0.1)
    large = [
        begin(queue, visitor(str(i)), 100 + i) for i in range(jobs.WAITING)
    ]
    await asyncio.sleep(0)
    with pytest.raises(refusal.Refusal, match='waiting already') as caught:
      await queue.run(visitor('larger'), 1000, 'wait')
    assert caught.value.status == 503
    small = begin(queue, visitor('small'), 1)
    await asyncio.sleep(0)
    with pytest.raises(refusal.Refusal, match='waiting already'):
      await large[-1]
    await asyncio.gather(first, small, *large[:-1])

  with_jobs(scenario)


def test_a_small_image_does_not_wait_for_a_large_one():
  async def scenario(queue):
    large = begin(queue, visitor('large'), LARGE, seconds=2.0)
    await asyncio.sleep(0.2)
    start = time.monotonic()
    await queue.run(visitor('small'), 1, 'wait')
    assert time.monotonic() - start < 1.5
    assert (await large)['seconds'] == 2.0, 'its second turn'

  with_jobs(scenario)


def test_no_large_image_begins_while_a_small_one_waits():
  order = []

  async def scenario(queue):
    async def note(name, cost):
      await queue.run(visitor(name), cost, 'wait')
      order.append(name)

    await queue.run(visitor('small'), 1, 'wait', seconds=2.0)
    blocking = begin(queue, visitor('x'), seconds=0.3)
    await asyncio.sleep(0.1)
    await asyncio.gather(note('large', LARGE), note('small', 1), blocking)

  with_jobs(scenario)
  assert order == ['small', 'large']


def test_a_large_image_that_never_gets_its_time_is_told():
  async def scenario(queue):
    large = begin(queue, visitor('large'), LARGE, seconds=60)
    for i in range(2):
      await asyncio.sleep(0.2)
      await queue.run(visitor(f'small{i}'), 1, 'wait')
    with pytest.raises(refusal.Refusal, match='went first'):
      await large

  with_jobs(scenario)


def test_a_dead_worker_is_a_sentence_and_is_replaced():
  async def scenario(queue):
    task = begin(queue, visitor('a'), seconds=60)
    await asyncio.sleep(0.3)
    made[-1].end()
    with pytest.raises(refusal.Refusal, match='could not score'):
      await task
    assert await queue.run(visitor('a'), 1, 'wait')

  with_jobs(scenario)


def test_a_worker_that_dies_between_jobs_is_replaced():
  async def scenario(queue):
    await queue.run(visitor('a'), 1, 'wait')
    made[-1].end()
    await queue.run(visitor('a'), 1, 'wait')

  with_jobs(scenario)
  assert len(made) == 2


def test_errors_of_a_task_reach_the_visitor_and_bugs_the_log(caplog):
  async def scenario(queue):
    with pytest.raises(errors.UserError, match=r'a\.png is broken'):
      await queue.run(
          visitor('a'), 1, 'wait', error=errors.UserError('a.png is broken')
      )
    with pytest.raises(refusal.Refusal, match='could not score'):
      bug = worker.Bug('ZeroDivisionError')
      await queue.run(visitor('a'), 1, 'wait', error=bug)

  with_jobs(scenario)
  assert len(made) == 1 and 'ZeroDivisionError' in caplog.text


def test_closing_refuses_everybody():
  async def scenario(queue):
    tasks = [begin(queue, visitor(name), seconds=60) for name in 'abc']
    await asyncio.sleep(0.2)
    queue.close()
    for task in tasks:
      with pytest.raises(refusal.Refusal, match='being closed'):
        await task
    with pytest.raises(refusal.Refusal, match='being closed'):
      await queue.run(visitor('d'), 1, 'wait')

  with_jobs(scenario)
