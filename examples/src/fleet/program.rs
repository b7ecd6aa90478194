//! Owns what the programs that run clusters have in common towards whoever calls them: exit statuses, numbers on the command line,
//! and signals. Never knows what they do.

use std::error::Error;
use std::ops::RangeInclusive;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

/// Exit status when something did not hold.
pub const BROKEN: u8 = 1;
/// Exit status when the program could not do its work.
pub const NOT_RUN: u8 = 2;
/// Exit status after Ctrl-C, as shells have it: 128 and the number of the signal.
const INTERRUPTED: u8 = 130;

/// The number that an option has, if it is one that the option takes.
pub fn number(option: &str, text: &str, range: RangeInclusive<usize>) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        Ok(_) | Err(_) => Err(match *range.end() {
            usize::MAX => format!("{option} takes a number from {}, not {text}", range.start()),
            end => format!("{option} takes a number from {} to {end}, not {text}", range.start()),
        }),
    }
}

/// Does the work; a signal to end drops it where it stands, and with it every process that it started.
pub async fn until_interrupted(
    work: impl Future<Output = Result<ExitCode, Box<dyn Error + Send + Sync>>>,
) -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::select! {
        done = work => done,
        _ = tokio::signal::ctrl_c() => Ok(ExitCode::from(INTERRUPTED)),
        _ = terminate.recv() => Ok(ExitCode::from(INTERRUPTED)),
        _ = hangup.recv() => Ok(ExitCode::from(INTERRUPTED)),
    }
}
