//! Owns what may stand on the command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::failure::STATUSES;
use crate::top::Order;

/// Shows what runs on a Swarm cluster, where, and why; moves workers, drains nodes, changes keys.
///
/// Speaks to a node that was started with `Builder::admin`, which answers for the whole cluster: on this machine, or by `--connect`.
#[derive(Clone, Debug, Parser)]
#[command(name = "swarmctl", version, after_help = STATUSES, max_term_width = 100)]
pub(crate) struct Options {
    /// The node's socket [default: the only one in $XDG_RUNTIME_DIR/swarm, or swarm-USER among temporary files]
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// The node's TCP address, if it serves operators there
    #[arg(long, global = true, visible_alias = "tcp", value_name = "ADDRESS:PORT", conflicts_with = "socket")]
    pub(crate) connect: Option<SocketAddr>,
    /// The file that holds the cluster's secret, for `--connect` [default: SWARM_SECRET_FILE, or the secret in SWARM_SECRET]
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) secret_file: Option<PathBuf>,
    /// JSON instead of tables: one document, of `ls` and `events` one a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// How long an answer may take, in seconds
    #[arg(long, global = true, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) timeout: Duration,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    /// How the cluster is, as one node sees it
    Status,
    /// The nodes, with what they host
    Nodes,
    /// A screen that one leaves open: the nodes, and the workers with most to do
    Top(Top),
    /// Looks for what goes wrong with clusters, and explains what it has found
    ///
    /// It takes about two seconds, and sends a few packets from each node to others. Ends with the status 5 if it has found something.
    Doctor,
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
    /// Has a worker live on a node
    ///
    /// It takes its state along. It lives there until the partition of its name gets another owner (as nodes come and go), until that node
    /// leaves, is drained or lost, or until `move NAME --home` or `rebalance`: then it goes where the ring wants it.
    Move(Move),
    /// Starts a worker again from its init arguments, as after a panic: what it has is lost
    Restart {
        /// Its name
        name: String,
        /// Why, for the log and the events
        #[arg(long, value_name = "REASON", default_value = "", hide_default_value = true)]
        why: String,
    },
    /// Has every worker go where the ring wants it, and tries at once what was put off
    Rebalance,
    /// The keys of the nodes, and their change without a stop
    ///
    /// To change the secret: on every node `keys add`, then on every node `keys use`, then on every node `keys remove` of the old one.
    Keys {
        #[command(subcommand)]
        what: Keys,
    },
    /// What has happened, as each of the nodes saw it, in the order of their clocks
    ///
    /// Nodes keep their last 4096 events, if they serve operators or a dashboard. What a node that crashes has not told is lost.
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

#[derive(Clone, Debug, Args)]
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

#[derive(Clone, Debug, Args)]
pub(crate) struct Describe {
    /// The worker's name
    #[arg(required_unless_present = "kind", conflicts_with = "kind")]
    pub(crate) name: Option<String>,
    /// The worker type's name: shows its messages, with their fields
    #[arg(long)]
    pub(crate) kind: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Message {
    /// The worker's name
    pub(crate) name: String,
    /// The message, or the method that handles it: `describe --kind` shows them
    pub(crate) message: String,
    /// The message's fields as a JSON object; `-` reads it from the standard input
    #[arg(value_name = "JSON", default_value = "{}", hide_default_value = true, allow_hyphen_values = true)]
    pub(crate) text: String,
}

#[derive(Clone, Debug, Args)]
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

#[derive(Clone, Debug, Args)]
pub(crate) struct Top {
    /// How often it looks, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = pause)]
    pub(crate) every: Duration,
    /// By what nodes are put in order
    #[arg(long, value_name = "COLUMN", value_enum, default_value_t)]
    pub(crate) sort: Order,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Move {
    /// The worker's name
    pub(crate) name: String,
    /// The node: its id, its address, or the beginning of its id
    #[arg(required_unless_present = "home", conflicts_with = "home")]
    pub(crate) node: Option<String>,
    /// Where the ring wants it
    #[arg(long)]
    pub(crate) home: bool,
    /// Waits until it is there
    #[arg(long)]
    pub(crate) wait: bool,
    /// How long to wait, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "60", requires = "wait", value_parser = seconds)]
    pub(crate) within: Duration,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Keys {
    /// The keys of all nodes, by their ids; the first encrypts
    List,
    /// The node that answers understands a further secret from now on
    Add {
        /// A file that holds it, open to nobody but its owner; `-` reads it from the standard input
        file: PathBuf,
    },
    /// The node that answers encrypts with this key from now on
    Use {
        /// The key's id, or the beginning of it
        id: String,
    },
    /// The node that answers does not understand this key any more
    Remove {
        /// The key's id, or the beginning of it
        id: String,
    },
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Events {
    /// Goes on with what happens from now on
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only those that this node saw: its id, its address, or the beginning of its id
    #[arg(long)]
    pub(crate) node: Option<String>,
    /// Only those from this number on, which counts the node's events
    #[arg(long, value_name = "NUMBER", requires = "node")]
    pub(crate) since: Option<u64>,
}

/// A pause between two looks: each costs every node some milliseconds.
fn pause(text: &str) -> Result<Duration, String> {
    seconds(text).and_then(|span| match span >= Duration::from_millis(200) {
        true => Ok(span),
        false => Err("write at least 0.2 seconds".to_owned()),
    })
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
