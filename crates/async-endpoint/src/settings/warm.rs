//! Warm hours: the template's two scheduled actions, which raise and lower the least number of
//! instances.
//!
//! The model knows no calendar. Its time zero is Monday, 0:00, by the clock of the zone that the
//! hours are meant in; every day has 24 hours, so the two days a year that do not are left out.

use crate::Millis;

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;

/// Days of the week.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Days(u8);

impl Days {
    /// By their names in a cron expression, Monday first.
    const NAMES: [&str; 7] = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];

    /// Reads days as the template takes them: names and spans of names, such as `MON-FRI` or
    /// `MON,WED-FRI`. `None` if it is nothing of the kind; a span goes forward in the week.
    pub fn parse(text: &str) -> Option<Self> {
        let day = |name: &str| Self::NAMES.iter().position(|known| *known == name);
        let mut days = Self::default();
        for part in text.split(',') {
            let (from, to) = part.split_once('-').unwrap_or((part, part));
            let (from, to) = (day(from)?, day(to)?);
            if from > to {
                return None;
            }
            for day in from..=to {
                days.0 |= 1 << day;
            }
        }
        Some(days)
    }

    /// Whether the day that so many days are before is one of them; day 0 is a Monday.
    const fn contains(self, day: u64) -> bool {
        self.0 & (1 << (day % 7)) != 0
    }
}

/// Hours in which more instances are kept than else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WarmHours {
    /// The least number of instances in them.
    pub instances: u32,
    /// Days on which they begin.
    pub days: Days,
    /// When they begin, in minutes since midnight, below 1440.
    pub from: u32,
    /// When they end, likewise; at or before `from` on the day after. They end on every day, so
    /// that one lost end is made up for by the next.
    pub until: u32,
}

impl WarmHours {
    /// The next moment at `from` or later at which they begin (true) or end (false).
    pub(crate) fn next(&self, from: Millis) -> (Millis, bool) {
        let today = from.0 / DAY;
        let at = |day: u64, minute: u32| Millis(day * DAY + u64::from(minute) * MINUTE);
        let tonight = at(today, self.until);
        let end = if tonight >= from {
            tonight
        } else {
            at(today + 1, self.until)
        };
        let begin = (today..)
            .take(8)
            .filter(|day| self.days.contains(*day))
            .map(|day| at(day, self.from))
            .find(|begin| *begin >= from);
        match begin {
            Some(begin) if begin < end => (begin, true),
            _ => (end, false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: u64, hour: u64, minute: u64) -> Millis {
        Millis(day * DAY + (hour * 60 + minute) * MINUTE)
    }

    #[test]
    fn days_are_read_as_cron_has_them() {
        let of = |text| Days::parse(text).map(|days| days.0);
        assert_eq!(of("MON-FRI"), Some(0b001_1111));
        assert_eq!(of("SUN"), Some(0b100_0000));
        assert_eq!(of("MON,WED-FRI"), Some(0b001_1101));
        for wrong in ["", "mon", "FRI-MON", "MON,", "1-5", "*"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn they_begin_on_their_days_and_end_on_all() {
        let hours = WarmHours {
            instances: 1,
            days: Days::parse("FRI-SAT").unwrap(),
            from: 22 * 60,
            until: 6 * 60 + 30,
        };
        let mut now = Millis::ZERO;
        let mut seen = Vec::new();
        for _ in 0..10 {
            let (next, begins) = hours.next(now);
            seen.push((next, begins));
            now = next + Millis(1);
        }
        let mut expected: Vec<_> = (0..8).map(|day| (at(day, 6, 30), false)).collect();
        expected.extend([(at(4, 22, 0), true), (at(5, 22, 0), true)]);
        expected.sort();
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_beginning_at_the_very_moment_counts() {
        let hours = WarmHours {
            instances: 1,
            days: Days::parse("MON").unwrap(),
            from: 0,
            until: 60,
        };
        assert_eq!(hours.next(Millis::ZERO), (Millis::ZERO, true));
        assert_eq!(hours.next(Millis(1)), (at(0, 1, 0), false));
        assert_eq!(hours.next(at(6, 2, 0)), (at(7, 0, 0), true));
    }
}
