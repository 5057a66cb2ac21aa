//! Options of the commands that sign users in and out, and of passwords.

use clap::{Args, Subcommand};

#[derive(Clone, Debug, Args)]
pub(crate) struct UserArgs {
    /// E-mail address of the user [default: ask]
    #[arg(long, short, env = "DOCKET_EMAIL", hide_env_values = true)]
    pub(crate) email: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct LoginArgs {
    #[command(flatten)]
    pub(crate) user: UserArgs,
    /// Sign in by your company, in the browser [default on a terminal, without --email]
    #[expect(
        clippy::option_option,
        reason = "clap: the option, with or without a value"
    )]
    #[arg(long, value_name = "PROVIDER", num_args = 0..=1)]
    pub(crate) company: Option<Option<String>>,
    /// Sign in by your company in a browser on any machine, and paste the code that it shows [default over SSH]
    #[arg(long)]
    pub(crate) paste: bool,
    /// How long to wait for the sign-in in the browser
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) timeout: u64,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct LogoutArgs {
    /// End the sign-ins on all devices, with a password or by a company
    ///
    /// Tokens that were issued work until they expire, within an hour. A browser that your company has signed in may be signed in
    /// again without a question until its session at the sign-in page is over, an hour after the last sign-in there.
    #[arg(long)]
    pub(crate) everywhere: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PasswordCommand {
    /// Replace the password, which must be known
    Change(UserArgs),
    /// Have a code sent to your e-mail address, and set a new password with it
    Forgot(UserArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuthenticatorCommand {
    /// Show a key for the app; sign-in asks for its code from then on
    On(UserArgs),
    /// Sign in with the password alone again
    Off(UserArgs),
}
