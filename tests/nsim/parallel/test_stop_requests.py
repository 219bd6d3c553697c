"""Requests to stop: signals, the end of the time there is, and what one rank tells the others."""

import math
import os
import signal

import pytest

from nsim.parallel import stop_requests
from nsim.parallel.shared_counters import SerialCounters
from nsim.parallel.stop_requests import StopRequests, end_of_time


@pytest.fixture
def clock(monkeypatch):
    """The time, to be set."""
    now = [1000.0]
    monkeypatch.setattr(stop_requests.time, "time", lambda: now[0])
    return now


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
def test_signals_are_noted_and_handlers_put_back(number):
    before = signal.getsignal(number)
    with stop_requests.stop_requests() as requests:
        assert not requests.asked()
        os.kill(os.getpid(), number)
        assert requests.asked()
        assert signal.Signals(number).name in requests.reason
    late = number == signal.SIGUSR1 and before == signal.SIG_DFL  # ignored from now on: the process is about to leave
    assert signal.getsignal(number) == (signal.SIG_IGN if late else before)


def test_the_end_is_that_of_the_limit_or_of_the_slurm_job(clock):
    assert end_of_time(None, {}) == math.inf
    assert end_of_time(50.0, {}) == 1050.0
    assert end_of_time(None, {"SLURM_JOB_END_TIME": "1200"}) == 1200.0
    assert end_of_time(50.0, {"SLURM_JOB_END_TIME": "1200"}) == 1050.0
    assert end_of_time(500.0, {"SLURM_JOB_END_TIME": "1200"}) == 1200.0
    for nonsense in ("", "soon", "0", "900"):
        assert end_of_time(None, {"SLURM_JOB_END_TIME": nonsense}) == math.inf


def test_it_stops_before_the_end_by_a_reserve_and_the_longest_step(clock):
    requests = StopRequests(end=1000.0 + 2000.0)  # 30 s of reserve
    assert not requests.asked()
    for now, asked in ((1900.0, False), (2060.0, False), (2069.9, False), (2070.0, True)):  # the longest step: 900 s
        clock[0] = now
        assert requests.asked() == asked
    assert "time" in requests.reason
    short = StopRequests(end=clock[0] + 10.0)  # 5 % of reserve
    clock[0] += 9.4
    assert not short.asked()
    clock[0] += 0.2
    assert short.asked()


def test_a_request_to_one_is_a_request_to_all(clock):
    counters = SerialCounters(3)
    one, other = StopRequests(), StopRequests()
    for requests in (one, other):
        requests.share(counters, 1)
        assert not requests.asked()
    one.signals.append(signal.SIGTERM)
    assert not other.asked()
    assert one.asked()
    assert other.asked()
    assert counters.read(1) == 1  # told once
    assert one.asked()
    assert counters.read(1) == 1
    assert (counters.read(0), counters.read(2)) == (0, 0)
