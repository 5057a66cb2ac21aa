//! Time in milliseconds, and how it is written.

pub(crate) const SECOND: u64 = 1000;
pub(crate) const MINUTE: u64 = 60 * SECOND;
pub(crate) const HOUR: u64 = 60 * MINUTE;

/// A time of day, such as `8:05`.
pub(crate) fn clock(ms_since_midnight: u64) -> String {
    format!(
        "{}:{:02}",
        ms_since_midnight / HOUR,
        ms_since_midnight / MINUTE % 60
    )
}

/// A duration with one or two units, rounded to seconds or minutes, such as `9 min 07 s`.
pub fn span(milliseconds: u64) -> String {
    let seconds = (milliseconds + SECOND / 2) / SECOND;
    let (h, min, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (h, min, s) {
        (0, 0, s) => format!("{s} s"),
        (0, min, 0) => format!("{min} min"),
        (0, min, s) => format!("{min} min {s:02} s"),
        (h, 0, _) => format!("{h} h"),
        (h, min, _) => format!("{h} h {min:02} min"),
    }
}

pub(crate) fn in_hours(milliseconds: u64) -> f64 {
    milliseconds as f64 / HOUR as f64
}
