"""Shared counters on real ranks: exact, and nobody waits until another one's task ends, whatever the wires."""

import itertools
import json
import subprocess

import pytest

from nsim.parallel.handing_out import HandingOut
from nsim.parallel.shared_counters import SerialCounters
from tests.launch import command, environment

pytestmark = [pytest.mark.mpi, pytest.mark.timeout(120)]

TAKE_TURNS = """
import json, sys, time
from nsim.parallel.handing_out import HandingOut
from nsim.parallel.ranks import connect

total, seconds, shortest = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
ranks = connect()
counters = ranks.counters(3)
work = HandingOut(counters, 0, total, ranks.size)
mine, waited = [], 0.0
while True:
    began = time.perf_counter()
    number = work.next()
    waited += time.perf_counter() - began
    if number is None:
        break
    mine.append(number)
    time.sleep(seconds if number % 2 else shortest)
    counters.add(1, number)
    counters.add(2, 1)
counters.settle()
ranks.wait_for_all(lambda: counters.read(1))
counters.settle()
everyone = ranks.gather((mine, waited, counters.read(1), counters.read(2)))
counters.close()
if ranks.rank == 0:
    print(json.dumps(everyone))
"""


def take_turns(total, seconds, shortest, ranks, tcp=False):
    """Numbers, seconds of waiting and the two sums, of every rank."""
    done = subprocess.run(
        [*command("x", ranks=ranks)[:4], "-c", TAKE_TURNS, str(total), str(seconds), str(shortest)],
        capture_output=True,
        text=True,
        timeout=100,
        env=environment() | {"MPIR_CVAR_NOLOCAL": str(int(tcp)), "UCX_LOG_LEVEL": "error"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("tcp", [False, True], ids=["shared memory", "as between nodes"])
@pytest.mark.parametrize("ranks", [2, 4])
def test_ranks_share_the_work_evenly(ranks, tcp):
    """Each number once, exact sums. A counter that needs rank 0 between its tasks leaves rank 1 a sixth of them."""
    total, seconds = 40 * ranks, 0.02
    everyone = take_turns(total, seconds, seconds, ranks, tcp)
    assert sorted(number for numbers, *_ in everyone for number in numbers) == list(range(total))
    assert {(first, second) for *_, first, second in everyone} == {(total * (total - 1) // 2, total)}
    shares = [len(numbers) / total * ranks for numbers, *_ in everyone]
    assert min(shares) > 0.6, shares
    waited = [seconds_waited / (40 * seconds) for _, seconds_waited, *_ in everyone]
    assert max(waited) < 0.15, waited  # a quarter over TCP without asking ahead


def test_short_tasks_are_taken_several_at_a_time():
    everyone = take_turns(2000, 0.0, 0.0, 2)
    assert sorted(number for numbers, *_ in everyone for number in numbers) == list(range(2000))
    jumps = sum(b != a + 1 for numbers, *_ in everyone for a, b in itertools.pairwise(numbers))
    assert jumps < 500  # each of them a request; one at a time would make about 1000


def test_portions_shrink_towards_the_end():
    """No taker holds more than a fair share of what is left, however short the tasks."""
    taken = []

    class Watched(SerialCounters):
        def take(self, index, count=1):
            taken.append(super().take(index, count))
            return taken[-1]

    work = HandingOut(Watched(1), 0, 1000, takers=8)
    assert [work.next() for _ in range(1001)] == [*range(1000), None]
    assert max(amount for _, amount in taken) > 10
    assert all(amount <= max(1, (1000 - first) / 8) for first, amount in taken)
    assert all(amount == 1 for first, amount in taken if first >= 992)
