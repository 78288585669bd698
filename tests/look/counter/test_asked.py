"""What people write for months and filters, and what is said of what is none."""

from datetime import date

import pytest

from eventsink.errors import InvalidQuestion
from eventsink.look.counter.asked import filters_of, period_of
from eventsink.look.counter.filters import Filters

TODAY = date(2026, 3, 5)


@pytest.mark.parametrize(
    ("first", "last", "months"),
    [
        (None, None, ("2026-02", "2026-02")),
        ("2026-01", "2026-02", ("2026-01", "2026-02")),
        (" 2026-01 ", "2026-01", ("2026-01", "2026-01")),
        ("2025-11", None, ("2025-11", "2026-02")),
        ("2026-03", None, ("2026-03", "2026-03")),
        ("2027-01", None, ("2027-01", "2027-01")),
        (None, "2025-07", ("2025-07", "2025-07")),
        ("2026-01-01", "2026-01-31", ("2026-01", "2026-01")),
        ("2026-01-01", "2026-02-01", ("2026-01", "2026-01")),
        ("2024-02-01", "2024-02-29", ("2024-02", "2024-02")),
        ("2025-12-01", "2026-01-01", ("2025-12", "2025-12")),
    ],
)
def test_months(first: str | None, last: str | None, months: tuple[str, str]) -> None:
    period = period_of(first, last, TODAY)
    assert (period.first, period.last) == months


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2026-13", None, "'2026-13' is no month: write it as 2026-01."),
        ("", None, "'' is no month"),
        ("soon", "2026-01", "'soon' is no month"),
        ("2026-02", "2026-01", "The period ends (2026-01) before it begins (2026-02): exchange the two."),
        ("2010-01", None, "The period has more than 120 months: ask for fewer at once."),
        ("2026-01-15", None, "A report is of whole months, and 2026-01-15 begins none: write it as 2026-01."),
        (None, "2026-01-15", "A report is of whole months, and 2026-01-15 ends none: write it as 2026-01."),
        ("2026-02-30", None, "2026-02-30 is no day: write a month as 2026-01."),
        ("2026-01-01T00:00:00Z", None, "'2026-01-01T00:00:00Z' is no month"),
        ("0001-01-01", "0001-01-01", "'0001-01' is no month"),
        (None, "0001-01-01", "'0000-12' is no month"),
        (None, "9999-12-31", "'9999-12' is no month"),
        ("\uff12026-01", None, "is no month"),
        ("2026-01-\u0661\u0661", None, "is no month"),
    ],
)
def test_what_is_no_period(first: str | None, last: str | None, said: str) -> None:
    with pytest.raises(InvalidQuestion) as error:
        period_of(first, last, TODAY)
    assert said in str(error.value)


def test_filters() -> None:
    assert filters_of(None, None, None) == filters_of("", " | ", "") == Filters()
    found = filters_of("total-dataset-requests|Unique_Dataset_Requests", "Machine", "2010-2015")
    assert found.metrics == ("Total_Dataset_Requests", "Unique_Dataset_Requests")
    assert (found.methods, found.years) == (("machine",), "2010-2015")


@pytest.mark.parametrize(
    ("metrics", "methods", "years", "said"),
    [
        ("Total_Requests", None, None, "'Total_Requests' is no metric type: there are Total_Dataset_Investigations,"),
        (None, "TDM", None, "'TDM' is no access method: there are regular, machine."),
        (None, None, "MMXX", "'MMXX' are no years: write 2010, 2010-2015, or 0001 for unknown."),
    ],
)
def test_what_is_no_filter(metrics: str | None, methods: str | None, years: str | None, said: str) -> None:
    with pytest.raises(InvalidQuestion) as error:
        filters_of(metrics, methods, years)
    assert str(error.value).startswith(said)
