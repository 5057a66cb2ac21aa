//! Formats and parses times. All exact times are UTC.

use api::usage::date;
use jobs::view::ReadyByView;

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A duration in the largest unit of which there are at least two.
pub(crate) fn duration(ms: u64) -> String {
    match ms {
        0..SECOND => "0 s".to_owned(),
        SECOND..=119_999 => format!("{} s", ms / SECOND),
        120_000..=7_199_999 => format!("{} min", ms / MINUTE),
        7_200_000..=172_799_999 => format!("{} h", ms / HOUR),
        _ => format!("{} d", ms / DAY),
    }
}

/// A time relative to now. Clocks differ a little, so less than two seconds is "just now".
pub(crate) fn relative_time(at: u64, now: u64) -> String {
    match at {
        at if at.abs_diff(now) < 2 * SECOND => "just now".to_owned(),
        at if at < now => format!("{} ago", duration(now - at)),
        at => format!("in {}", duration(at - now)),
    }
}

/// An exact time, such as `2026-11-23 10:31:05Z`.
pub(crate) fn utc_time(at: u64) -> String {
    let (year, month, day) = date(at / DAY);
    let second = at % DAY / SECOND;
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}Z",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// The number of days from 1970-01-01 to a date; `None` if the calendar has no such date.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || day == 0 {
        return None;
    }
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year / 400;
    let year_of_era = shifted_year % 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    let days = (era * 146_097 + of_era).checked_sub(719_468)?;
    (date(days) == (year, month, day)).then_some(days)
}

/// When an open job will probably be ready, in words.
pub(crate) fn describe_ready_by(ready_by: &ReadyByView, now: u64) -> String {
    let explanation = &ready_by.explanation;
    match (ready_by.about, ready_by.latest, ready_by.earliest) {
        (Some(about), Some(latest), _) => format!(
            "about {} ({}), at the latest {}. {explanation}",
            utc_time(about),
            relative_time(about, now),
            utc_time(latest)
        ),
        (_, _, Some(earliest)) => format!(
            "not before {} ({}). {explanation}",
            utc_time(earliest),
            relative_time(earliest, now)
        ),
        _ => format!("not known. {explanation}"),
    }
}

/// Parses a time from the command line: an age such as `90s`, `30m`, `2h`, `7d` or `2w`, or a UTC date with or without a
/// time of day.
pub(crate) fn parse(text: &str, now: u64) -> Result<u64, String> {
    let text = text.trim();
    parse_age(text)
        .map(|ms| now.saturating_sub(ms))
        .or_else(|| parse_date_time(text))
        .ok_or_else(|| {
            format!("`{text}` is not a time; use 2h, 30m, 7d, 2026-11-23 or 2026-11-23T10:30 (UTC)")
        })
}

/// Parses a `Date` header, such as `Mon, 23 Nov 2026 01:31:05 GMT` (RFC 9110, section 5.6.7).
pub(crate) fn parse_http_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let words: Vec<&str> = text.split_whitespace().collect();
    let [_, day, month, year, time, "GMT"] = words[..] else {
        return None;
    };
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    parse_date_time(&format!("{year}-{month:02}-{day}T{time}"))
}

fn parse_age(text: &str) -> Option<u64> {
    let at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(at);
    let unit = match unit.trim() {
        "s" => SECOND,
        "m" | "min" => MINUTE,
        "h" => HOUR,
        "d" => DAY,
        "w" => 7 * DAY,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

fn parse_date_time(text: &str) -> Option<u64> {
    let (date, time) = match text.split_once(['T', ' ']) {
        Some((date, time)) => (date, Some(time.strip_suffix('Z').unwrap_or(time))),
        None => (text, None),
    };
    let [year, month, day] = parse_numbers(date, '-', &[4, 2, 2])?[..] else {
        return None;
    };
    let days = days(year, month, day)?;
    let (hour, minute, second) = match time {
        None => (0, 0, 0),
        Some(time) => {
            let widths: &[usize] = if time.len() > 5 { &[2, 2, 2] } else { &[2, 2] };
            match parse_numbers(time, ':', widths)?[..] {
                [hour, minute] => (hour, minute, 0),
                [hour, minute, second] => (hour, minute, second),
                _ => return None,
            }
        }
    };
    (hour < 24 && minute < 60 && second < 60)
        .then(|| days * DAY + hour * HOUR + minute * MINUTE + second * SECOND)
}

fn parse_numbers(text: &str, separator: char, widths: &[usize]) -> Option<Vec<u64>> {
    let parts: Vec<&str> = text.split(separator).collect();
    let fits = parts.len() == widths.len()
        && parts
            .iter()
            .zip(widths)
            .all(|(part, width)| part.len() == *width && part.bytes().all(|b| b.is_ascii_digit()));
    fits.then(|| parts.iter().filter_map(|part| part.parse().ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_397_465_000; // 2026-11-23 01:31:05 UTC

    #[test]
    fn job_that_is_held_is_not_ready_before_the_end_of_its_pause() {
        let mut ready_by = ReadyByView {
            explanation: "Why.".to_owned(),
            ..ReadyByView::default()
        };
        assert_eq!(describe_ready_by(&ready_by, NOW), "not known. Why.");
        ready_by.earliest = Some(NOW + 7_200_000);
        let words = describe_ready_by(&ready_by, NOW);
        assert_eq!(words, "not before 2026-11-23 03:31:05Z (in 2 h). Why.");
    }

    #[test]
    fn utc_time_formats_date_and_time() {
        assert_eq!(utc_time(0), "1970-01-01 00:00:00Z");
        assert_eq!(utc_time(NOW), "2026-11-23 01:31:05Z");
        assert_eq!(utc_time(951_782_399_999), "2000-02-28 23:59:59Z");
        assert_eq!(utc_time(951_782_400_000), "2000-02-29 00:00:00Z");
        assert_eq!(utc_time(4_107_542_400_000), "2100-03-01 00:00:00Z");
    }

    #[test]
    fn date_and_days_are_inverse_for_every_day_of_four_centuries() {
        for day in 0..146_097 {
            let (year, month, of_month) = date(day);
            assert_eq!(days(year, month, of_month), Some(day));
        }
    }

    #[test]
    fn relative_time_counts_from_now() {
        assert_eq!(relative_time(NOW, NOW), "just now");
        assert_eq!(relative_time(NOW + 1500, NOW), "just now");
        assert_eq!(relative_time(NOW - 3 * MINUTE, NOW), "3 min ago");
        assert_eq!(relative_time(NOW - 90 * SECOND, NOW), "90 s ago");
        assert_eq!(relative_time(NOW + 5 * HOUR, NOW), "in 5 h");
        assert_eq!(relative_time(NOW - 3 * DAY, NOW), "3 d ago");
    }

    #[test]
    fn ages_and_dates_are_parsed() {
        let read = |text| parse(text, NOW).ok();
        assert_eq!(read("2h"), Some(NOW - 2 * HOUR));
        assert_eq!(read("30m"), Some(NOW - 30 * MINUTE));
        assert_eq!(read("2 w"), Some(NOW - 14 * DAY));
        assert_eq!(read("2026-11-23"), Some(NOW / DAY * DAY));
        assert_eq!(read("2026-11-23T01:31:05Z"), Some(NOW));
        assert_eq!(read("2026-11-23 01:31"), Some(NOW - 5 * SECOND));
        assert_eq!(read("99999999999d"), Some(0));
    }

    #[test]
    fn invalid_times_are_rejected() {
        for text in [
            "",
            "h",
            "2",
            "2y",
            "-2h",
            "2026-02-29",
            "2026-13-01",
            "2026-1-1",
            "2026-11-23T24:00",
            "2026-11-23T10",
            "yesterday",
            "99999999999999999999h",
            "1969-12-31",
            "2026-11-23T1:2:3:4",
        ] {
            assert!(parse(text, NOW).is_err(), "{text}");
        }
    }

    #[test]
    fn http_dates_are_parsed() {
        assert_eq!(
            parse_http_date("Mon, 23 Nov 2026 01:31:05 GMT"),
            Some(1_795_397_465_000)
        );
        assert_eq!(
            parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(784_111_777_000)
        );
        assert_eq!(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT"), None);
    }
}
