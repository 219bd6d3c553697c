"""Options that several commands share."""

import click
import pytest

from nsim.commands.shared_options import TimeSpan, with_error


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90.0), ("0.5", 0.5), ("2:30", 150.0), ("1:00:00", 3600.0), ("1-00:00:00", 86400.0), ("2-1:0:0", 176400.0)],
)
def test_times(text, seconds):
    assert TimeSpan().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["0", "-5", "", "soon", "1:2:3:4", "inf", "nan", "x-1:00:00", "1:-5"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(click.BadParameter, match="is not a time"):
        TimeSpan().convert(text, None, None)


@pytest.mark.parametrize(
    ("mean", "error", "text"),
    [(None, None, "-"), (0.75, 0.0, "0.75"), (1.2345, 0.012, "1.234 ± 0.012"), (9.6e-30, 5.3e-30, "9.6e-30 ± 5.3e-30")],
)
def test_a_number_with_its_error(mean, error, text):
    assert with_error(mean, error) == text
