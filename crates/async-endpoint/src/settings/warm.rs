//! Warm hours: the template's two scheduled actions, which raise and lower the minimum number of
//! instances.
//!
//! The model has no calendar. Its time zero is Monday, 0:00, in the time zone of the hours. Every day
//! has 24 hours; changes of daylight saving time are not modelled.

use crate::Millis;

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Days(u8);

impl Days {
    /// The names of cron expressions, Monday first.
    const NAMES: [&str; 7] = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];

    /// Reads days in the template's format: names and ranges of names, such as `MON-FRI` or
    /// `MON,WED-FRI`. `None` if the text is invalid; a range cannot wrap around the week.
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

    /// Whether a day, counted from day 0, a Monday, is one of these.
    const fn contains(self, day: u64) -> bool {
        self.0 & (1 << (day % 7)) != 0
    }
}

/// Hours with a higher minimum number of instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WarmHours {
    /// The minimum number of instances during these hours.
    pub instances: u32,
    /// Days on which they start.
    pub days: Days,
    /// When they start, in minutes since midnight, below 1440.
    pub from: u32,
    /// When they end, in minutes since midnight; on the next day if not after `from`. The end is
    /// scheduled on every day, so that a lost scheduled action is repeated the next day.
    pub until: u32,
}

/// What a scheduled action does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WarmHoursChange {
    Start,
    End,
}

impl WarmHours {
    /// The next start or end of warm hours, at `from` or later.
    pub(crate) fn next_change(&self, from: Millis) -> (Millis, WarmHoursChange) {
        let today = from.0 / DAY;
        let at = |day: u64, minute: u32| Millis(day * DAY + u64::from(minute) * MINUTE);
        let tonight = at(today, self.until);
        let end = if tonight >= from {
            tonight
        } else {
            at(today + 1, self.until)
        };
        let start = (today..)
            .take(8)
            .filter(|day| self.days.contains(*day))
            .map(|day| at(day, self.from))
            .find(|start| *start >= from);
        match start {
            Some(start) if start < end => (start, WarmHoursChange::Start),
            _ => (end, WarmHoursChange::End),
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
    fn days_are_parsed_like_cron_names_and_ranges() {
        let of = |text| Days::parse(text).map(|days| days.0);
        assert_eq!(of("MON-FRI"), Some(0b001_1111));
        assert_eq!(of("SUN"), Some(0b100_0000));
        assert_eq!(of("MON,WED-FRI"), Some(0b001_1101));
        for wrong in ["", "mon", "FRI-MON", "MON,", "1-5", "*"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn warm_hours_start_on_their_days_and_end_on_every_day() {
        let hours = WarmHours {
            instances: 1,
            days: Days::parse("FRI-SAT").unwrap(),
            from: 22 * 60,
            until: 6 * 60 + 30,
        };
        let mut now = Millis::ZERO;
        let mut seen = Vec::new();
        for _ in 0..10 {
            let (next, change) = hours.next_change(now);
            seen.push((next, change));
            now = next + Millis(1);
        }
        let mut expected: Vec<_> = (0..8)
            .map(|day| (at(day, 6, 30), WarmHoursChange::End))
            .collect();
        expected.extend([
            (at(4, 22, 0), WarmHoursChange::Start),
            (at(5, 22, 0), WarmHoursChange::Start),
        ]);
        expected.sort();
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_start_at_the_given_time_is_included() {
        let hours = WarmHours {
            instances: 1,
            days: Days::parse("MON").unwrap(),
            from: 0,
            until: 60,
        };
        assert_eq!(
            hours.next_change(Millis::ZERO),
            (Millis::ZERO, WarmHoursChange::Start)
        );
        assert_eq!(
            hours.next_change(Millis(1)),
            (at(0, 1, 0), WarmHoursChange::End)
        );
        assert_eq!(
            hours.next_change(at(6, 2, 0)),
            (at(7, 0, 0), WarmHoursChange::Start)
        );
    }
}
