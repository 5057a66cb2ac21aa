//! Months and times of the Gregorian calendar, in UTC.

use std::fmt;
use std::str::FromStr;

use jobs::id::Timestamp;

use super::DAY_MS;

/// A month of a year, written as `2026-11`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month {
    year: u64,
    /// 1 to 12.
    month: u64,
}

/// The year, month and day of month of a day counted from 1970-01-01 (`civil_from_days` of H. Hinnant, "chrono-Compatible
/// Low-Level Date Algorithms").
pub const fn date(days: u64) -> (u64, u64, u64) {
    // From 1 March of a year that 400 divides.
    let days = days + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// A time as ISO 8601 in UTC.
pub fn utc(at: Timestamp) -> String {
    let (seconds, ms) = (at.0 / 1000, at.0 % 1000);
    let (year, month, day) = date(seconds / 86_400);
    let of_day = seconds % 86_400;
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

impl Month {
    /// The month of a time, and the day in it from 1.
    pub fn of(at: Timestamp) -> (Self, u32) {
        let (year, month, day) = date(at.0 / DAY_MS);
        (Self { year, month }, u32::try_from(day).unwrap_or(1))
    }

    /// Its first millisecond.
    pub const fn start(self) -> Timestamp {
        let year = self.year - (self.month <= 2) as u64;
        let from_march = (self.month + 9) % 12;
        let of_year = (153 * from_march + 2) / 5;
        let of_era = (year % 400) * 365 + (year % 400) / 4 - (year % 400) / 100 + of_year;
        Timestamp((year / 400 * 146_097 + of_era - 719_468) * DAY_MS)
    }

    pub const fn next(self) -> Self {
        if self.month == 12 {
            Self {
                year: self.year + 1,
                month: 1,
            }
        } else {
            Self {
                month: self.month + 1,
                ..self
            }
        }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

/// The text is no month, or one before 1970 or after 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a month, which is written as 2026-11")]
pub struct NoMonth;

impl FromStr for Month {
    type Err = NoMonth;

    fn from_str(text: &str) -> Result<Self, NoMonth> {
        let (year, month) = text.split_once('-').ok_or(NoMonth)?;
        let number = |part: &str, digits: usize| {
            let is_number = part.len() == digits && part.bytes().all(|it| it.is_ascii_digit());
            is_number
                .then(|| part.parse().ok())
                .flatten()
                .ok_or(NoMonth)
        };
        let (year, month) = (number(year, 4)?, number(month, 2)?);
        let is_month = year >= 1970 && (1..=12).contains(&month);
        is_month.then_some(Self { year, month }).ok_or(NoMonth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn month_of_a_time_is_that_of_the_calendar() {
        // `date -u -d @<seconds>`
        for (seconds, expected) in [
            (0, ("1970-01", 1)),
            (951_782_399, ("2000-02", 28)),
            (951_782_400, ("2000-02", 29)),
            (951_868_800, ("2000-03", 1)),
            (1_767_225_599, ("2025-12", 31)),
            (1_795_996_800, ("2026-11", 30)),
            (4_107_542_400, ("2100-03", 1)),
        ] {
            let (month, day) = Month::of(Timestamp(seconds * 1000));
            assert_eq!((month.to_string().as_str(), day), expected, "{seconds}");
        }
    }

    #[test]
    fn months_follow_each_other_without_a_gap() {
        let mut month: Month = "1970-01".parse().unwrap();
        assert_eq!(month.start(), Timestamp(0));
        for _ in 0..12 * 300 {
            let next = month.next();
            let last = Timestamp(next.start().0 - 1);
            assert_eq!(Month::of(month.start()), (month, 1));
            assert_eq!(Month::of(last).0, month);
            assert_eq!(Month::of(next.start()), (next, 1));
            assert_eq!(month.to_string().parse(), Ok(month));
            month = next;
        }
    }

    #[test]
    fn text_that_is_no_month_is_refused() {
        for text in [
            "",
            "2026",
            "2026-13",
            "2026-00",
            "2026-1",
            "+026-11",
            "1969-12",
            "2026-11-01",
        ] {
            assert_eq!(text.parse::<Month>(), Err(NoMonth), "{text}");
        }
    }

    #[test]
    fn times_are_iso_8601_in_utc() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_767_607_442_118, "2026-01-05T10:04:02.118Z"),
            (4_102_444_799_999, "2099-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(utc(Timestamp(ms)), text);
        }
    }
}
