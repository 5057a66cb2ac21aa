//! From which program a request came, as its header `User-Agent` says. It proves nothing, and is kept for the audit log.

/// A class of programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename_all = "kebab-case"))]
pub enum ClientProgram {
    /// A browser, which the page runs in.
    Browser,
    /// `docket`, the command line.
    CommandLine,
    /// Any other program.
    Other,
    /// The request does not say.
    #[default]
    Unknown,
}

impl ClientProgram {
    pub fn of_user_agent(text: Option<&str>) -> Self {
        match text.unwrap_or_default() {
            "" => Self::Unknown,
            // Every browser's name begins with it (MDN, "User-Agent header").
            text if text.starts_with("Mozilla/") => Self::Browser,
            text if text.starts_with("docket/") => Self::CommandLine,
            _ => Self::Other,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::CommandLine => "command-line",
            Self::Other => "other",
            Self::Unknown => "unknown",
        }
    }
}
