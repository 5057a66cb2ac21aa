//! How a command ends: exit codes, and errors with a hint on how to fix them.

use api::types::Problem;

/// The result of one step of a command.
pub(crate) type Result<T, E = CliError> = std::result::Result<T, E>;

/// Exit codes of the program. Scripts rely on these numbers; they are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Success = 0,
    /// The service refused the request, the job failed, a check failed, or no planned setting keeps the SLO.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// Not signed in, or not allowed.
    Denied = 3,
    NotFound = 4,
    /// The service cannot be reached, or cannot answer now.
    Unavailable = 5,
    /// The same content was uploaded before, and its job is open or ready.
    Identical = 6,
    /// All else succeeded, but `--skip-bad` left files out.
    Skipped = 7,
    /// Ctrl-C.
    Interrupted = 130,
}

impl Exit {
    /// Maps an HTTP status to an exit code.
    pub(crate) const fn of_status(status: u16) -> Self {
        match status {
            200..=299 => Self::Success,
            400 => Self::Usage,
            401 | 403 => Self::Denied,
            404 => Self::NotFound,
            // Timeouts and throttling are worth another try later, as are server errors.
            408 | 429 | 500..=599 => Self::Unavailable,
            _ => Self::Failed,
        }
    }

    pub(crate) const fn code(self) -> u8 {
        self as u8
    }
}

/// Why a command failed, and what to do about it.
#[derive(Clone, Debug)]
pub(crate) struct CliError {
    pub(crate) exit: Exit,
    /// The problem as the service sent it, or one of type `urn:docket:cli:<kind>` that this program made.
    pub(crate) problem: Box<Problem>,
    pub(crate) hint: Option<String>,
}

impl CliError {
    /// An error that this program found. Its problem type is `urn:docket:cli:<kind>`.
    pub(crate) fn new(exit: Exit, kind: &str, detail: impl Into<String>) -> Self {
        Self {
            exit,
            problem: Box::new(Problem {
                kind: format!("urn:docket:cli:{kind}"),
                title: kind.replace('-', " "),
                status: 0,
                detail: detail.into(),
                identical: vec![],
            }),
            hint: None,
        }
    }

    /// The command line is wrong.
    pub(crate) fn usage(detail: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "usage", detail)
    }

    /// Something on this machine did not work.
    pub(crate) fn local(detail: impl Into<String>) -> Self {
        Self::new(Exit::Failed, "local", detail)
    }

    pub(crate) fn not_signed_in(detail: impl Into<String>) -> Self {
        Self::new(Exit::Denied, "not-signed-in", detail).with_hint("run `docket login`")
    }

    /// The reader of standard output closed it, as `head` does. A command that only shows things ends silently and successfully.
    pub(crate) fn broken_pipe() -> Self {
        Self::new(Exit::Success, "broken-pipe", "")
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// For an error whose detail says what to do.
    pub(crate) fn without_hint(mut self) -> Self {
        self.hint = None;
        self
    }

    /// Puts what the error is about in front of its detail: `<subject>: <detail>`.
    pub(crate) fn with_subject(mut self, subject: &str) -> Self {
        self.problem.detail = format!("{subject}: {}", self.problem.detail);
        self
    }

    /// The last part of the problem's type, such as `not-found`.
    pub(crate) fn kind(&self) -> &str {
        self.problem.kind.rsplit(':').next().unwrap_or_default()
    }

    /// An error from the service's answer.
    pub(crate) fn from_problem(problem: Problem) -> Self {
        let exit = Exit::of_status(problem.status);
        let error = Self {
            exit,
            problem: Box::new(problem),
            hint: None,
        };
        match error.kind() {
            "forbidden" => error.with_hint("`docket whoami` shows what you may do"),
            "changed" => {
                error.with_hint("check the job with `docket jobs show`, then decide again")
            }
            "poisoned" => error.with_hint("support can retry it with --force"),
            "not-ready" => error.with_hint("`docket jobs explain` shows what it is waiting for"),
            "bad-cursor" => error.with_hint("start again without --cursor or --since"),
            "identical" => Self {
                exit: Exit::Identical,
                ..error
            },
            "unavailable" => {
                error.with_hint("try again in a minute; `docket doctor` checks the connection")
            }
            _ => error,
        }
    }
}

/// The exit code of a command that works on several things: that of the first failure.
#[derive(Debug, Default)]
pub(crate) struct CombinedExit {
    first_failure: Option<Exit>,
}

impl CombinedExit {
    pub(crate) fn record(&mut self, exit: Exit) {
        if exit != Exit::Success && self.first_failure.is_none() {
            self.first_failure = Some(exit);
        }
    }

    pub(crate) fn exit(&self) -> Exit {
        self.first_failure.unwrap_or(Exit::Success)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_http_status_maps_to_the_documented_exit_code() {
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
    fn combined_exit_code_is_that_of_the_first_failure() {
        let mut combined = CombinedExit::default();
        for exit in [Exit::Success, Exit::NotFound, Exit::Failed] {
            combined.record(exit);
        }
        assert_eq!(combined.exit(), Exit::NotFound);
        assert_eq!(CombinedExit::default().exit(), Exit::Success);
    }
}
