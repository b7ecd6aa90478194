//! Owns what may stand on the command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::failure::STATUSES;

/// Shows what runs on a Swarm cluster, where, and why; drains nodes.
///
/// Speaks to a node on this machine that was started with `Builder::admin`, which answers for the whole cluster.
#[derive(Debug, Parser)]
#[command(name = "swarmctl", version, after_help = STATUSES, max_term_width = 100)]
pub(crate) struct Options {
    /// The node's socket [default: the only one in $XDG_RUNTIME_DIR/swarm, or swarm-USER among temporary files]
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// The node's TCP address, if it serves operators there
    #[arg(long, global = true, value_name = "ADDRESS:PORT", conflicts_with = "socket")]
    pub(crate) tcp: Option<SocketAddr>,
    /// JSON instead of tables: one document, of `ls` and `events` one a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// How long an answer may take, in seconds
    #[arg(long, global = true, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) timeout: Duration,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// How the cluster is, as one node sees it
    Status,
    /// The nodes, with what they host
    Nodes,
    /// Who owns how much of the ring, for each worker type
    Ring,
    /// The workers, in the order of their names
    #[command(visible_alias = "list")]
    Ls(Ls),
    /// Where a name is, and why
    Whereis {
        /// The name
        name: String,
    },
    /// All that is known of a worker, or of a worker type
    Describe(Describe),
    /// Calls a worker, and shows its reply
    ///
    /// Its type must be marked `#[swarm::worker(json)]`. A reply of `Result<T, E>` is {"Ok":..} or {"Err":..}.
    Call(Message),
    /// Sends a message to a worker, without a reply
    ///
    /// Its type must be marked `#[swarm::worker(json)]`.
    Cast(Message),
    /// Ends a worker and frees its name
    Unregister {
        /// Its name
        name: String,
    },
    /// Moves a node's workers to others, without ending the node
    ///
    /// It stays a member, and keeps workers that want to stay. It takes workers again after `undrain`, or when it is started anew.
    Drain(Drain),
    /// Lets a drained node take workers again
    Undrain {
        /// The node: its id, its address, or the beginning of its id
        node: String,
    },
    /// What has happened, as the node that answers saw it
    Events(Events),
    /// Changes what the node logs, if its program can
    Log {
        /// As in RUST_LOG, for most programs: info,swarm=debug
        directives: String,
    },
    /// Prints a script that completes this program's command lines
    Completions {
        /// For which shell
        shell: Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Ls {
    /// Only those of this type
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// Only those on this node: its id, its address, or the beginning of its id
    #[arg(long)]
    pub(crate) node: Option<String>,
    /// Only those in this group; of a group with keys, write GROUP:KEY
    #[arg(long)]
    pub(crate) group: Option<String>,
    /// Only those whose names begin like this
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) prefix: String,
    /// At most so many
    #[arg(long, value_name = "COUNT")]
    pub(crate) limit: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct Describe {
    /// The worker's name
    #[arg(required_unless_present = "kind", conflicts_with = "kind")]
    pub(crate) name: Option<String>,
    /// The worker type's name: shows its messages, with their fields
    #[arg(long)]
    pub(crate) kind: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Message {
    /// The worker's name
    pub(crate) name: String,
    /// The message, or the method that handles it: `describe --kind` shows them
    pub(crate) message: String,
    /// The message's fields as a JSON object; `-` reads it from the standard input
    #[arg(value_name = "JSON", default_value = "{}", hide_default_value = true, allow_hyphen_values = true)]
    pub(crate) text: String,
}

#[derive(Debug, Args)]
pub(crate) struct Drain {
    /// The node: its id, its address, or the beginning of its id
    pub(crate) node: String,
    /// Waits until all workers that can move have moved
    #[arg(long)]
    pub(crate) wait: bool,
    /// How long to wait, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "60", requires = "wait", value_parser = seconds)]
    pub(crate) within: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct Events {
    /// Goes on with what happens from now on
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only those from this number on
    #[arg(long, value_name = "NUMBER")]
    pub(crate) since: Option<u64>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "write a number of seconds, as 10 or 0.5".to_owned())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(span) if !span.is_zero() && span <= Duration::from_secs(86_400) => Ok(span),
        Ok(_) | Err(_) => Err("write more than 0 and at most 86400 seconds".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn a_limit_is_a_number_of_seconds() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["", "0", "-1", "1e9", "inf", "NaN", "ten"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
