//! How a command ends: the exit codes, and what is said when it fails.

use api::types::Problem;

/// What the shell is told. These numbers are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// Refused, or the job failed.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// Not signed in, or not allowed.
    Denied = 3,
    /// There is no such thing.
    NotFound = 4,
    /// The service cannot be reached, or cannot answer now.
    Unavailable = 5,
    /// Ctrl-C.
    Interrupted = 130,
}

impl Exit {
    /// What an answer of the service means for the shell.
    pub(crate) const fn of_status(status: u16) -> Self {
        match status {
            200..=299 => Self::Done,
            400 => Self::Usage,
            401 | 403 => Self::Denied,
            404 => Self::NotFound,
            // A request took too long, or there were too many.
            408 | 429 | 500..=599 => Self::Unavailable,
            _ => Self::Failed,
        }
    }

    /// The number.
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }
}

/// Why a command failed, and what to do.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// What the shell is told.
    pub(crate) exit: Exit,
    /// What people and programs are told; the service's own words where it has spoken.
    pub(crate) problem: Problem,
    /// What to do about it.
    pub(crate) hint: Option<String>,
}

/// What a step of a command comes to.
pub(crate) type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// A failure that the service has not spoken of; its type is `urn:docket:cli:<word>`.
    pub(crate) fn local(exit: Exit, word: &str, detail: impl Into<String>) -> Self {
        Self {
            exit,
            problem: Problem {
                kind: format!("urn:docket:cli:{word}"),
                title: word.replace('-', " "),
                status: 0,
                detail: detail.into(),
            },
            hint: None,
        }
    }

    /// The command line is wrong.
    pub(crate) fn usage(detail: impl Into<String>) -> Self {
        Self::local(Exit::Usage, "usage", detail)
    }

    /// Something on this machine did not work.
    pub(crate) fn here(detail: impl Into<String>) -> Self {
        Self::local(Exit::Failed, "local", detail)
    }

    /// Nobody is signed in.
    pub(crate) fn not_signed_in(detail: impl Into<String>) -> Self {
        Self::local(Exit::Denied, "not-signed-in", detail).hint("run `docket login`")
    }

    /// Whoever read the output has gone: no failure, and nothing to say.
    pub(crate) fn reader_gone() -> Self {
        Self::local(Exit::Done, "reader-gone", "")
    }

    /// The same with what to do.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with what it is about in front.
    pub(crate) fn about(mut self, subject: &str) -> Self {
        self.problem.detail = format!("{subject}: {}", self.problem.detail);
        self
    }

    /// The word at the end of the problem's type.
    pub(crate) fn word(&self) -> &str {
        self.problem.kind.rsplit(':').next().unwrap_or_default()
    }

    /// What the service answered.
    pub(crate) fn from_problem(problem: Problem) -> Self {
        let exit = Exit::of_status(problem.status);
        let failure = Self {
            exit,
            problem,
            hint: None,
        };
        match failure.word() {
            "forbidden" => failure.hint("`docket whoami` says what you may do"),
            "changed" => failure.hint("look again with `docket jobs show`, then decide"),
            "poisoned" => failure.hint("support can repeat it with --force"),
            "not-ready" => failure.hint("`docket jobs explain` says what it waits for"),
            "bad-cursor" => failure.hint("start again without --cursor"),
            "unavailable" => failure.hint("try again in a minute; `docket doctor` looks closer"),
            _ => failure,
        }
    }
}

/// Collects what became of several things: the first failure decides.
#[derive(Debug, Default)]
pub(crate) struct Several {
    first: Option<Exit>,
}

impl Several {
    /// Remembers how one of them ended.
    pub(crate) fn ended(&mut self, exit: Exit) {
        if exit != Exit::Done && self.first.is_none() {
            self.first = Some(exit);
        }
    }

    /// How all of them ended.
    pub(crate) fn exit(&self) -> Exit {
        self.first.unwrap_or(Exit::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_the_documented_exit_code() {
        let code = |status| Exit::of_status(status).code();
        assert_eq!([200, 201, 202, 204].map(code), [0; 4]);
        assert_eq!(code(400), 2);
        assert_eq!([401, 403].map(code), [3; 2]);
        assert_eq!(code(404), 4);
        assert_eq!([409, 410, 413, 415].map(code), [1; 4]);
        assert_eq!([429, 500, 502, 503, 504].map(code), [5; 5]);
        assert_eq!(Exit::Interrupted.code(), 130);
    }

    #[test]
    fn the_first_failure_decides() {
        let mut several = Several::default();
        for exit in [Exit::Done, Exit::NotFound, Exit::Failed] {
            several.ended(exit);
        }
        assert_eq!(several.exit(), Exit::NotFound);
        assert_eq!(Several::default().exit(), Exit::Done);
    }
}
