//! What a node counts, for who watches many: through the facade `metrics` to any recorder (feature `metrics`), and on a page that
//! Prometheus scrapes (feature `prometheus`).
//!
//! ```no_run
//! # #[cfg(feature = "prometheus")]
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use swarm::Swarm;
//!
//! let swarm = Swarm::builder().cluster("bank").metrics("127.0.0.1:9464").start().await?;
//! println!("http://{}/metrics", swarm.metrics().expect("it was asked for"));
//! # Ok(()) }
//! ```
//!
//! Names, units and labels follow [Prometheus' conventions](https://prometheus.io/docs/practices/naming/). Each series has the label `node`, the
//! node's advertised address, since a process may have several. Others are `worker`, the wire name of a worker type, and `method`, that of a
//! message: as many as there are in the program. No worker's name and no other node is ever a label.
//!
//! | about | metrics |
//! |---|---|
//! | the node | `swarm_build_info` (`version`), `swarm_uptime_seconds`, `swarm_own_lateness`, `swarm_drained`, `swarm_quorum`, `swarm_quorum_losses_total`, `swarm_control_turns_total` |
//! | the cluster as it sees it | `swarm_members`, `swarm_members_leaving`, `swarm_members_suspected` |
//! | its part of the directory | `swarm_partitions`, `swarm_partitions_under_replicated`, `swarm_names`, `swarm_requests_open`, `swarm_surveys_total`, `swarm_failovers_total`, `swarm_conflicts_total` |
//! | its workers | `swarm_workers` (`worker`), `swarm_workers_started_total`, `swarm_worker_restarts_total` (`worker`), `swarm_workers_given_up_total` (`worker`) |
//! | moves | `swarm_handoffs_total` (`direction`: `in`, `out`), `swarm_handoffs_failed_total`, `swarm_handoffs_open` |
//! | calls and casts | `swarm_calls_total` (`worker`, `outcome`: `ok`, or the variant of [`CallError`](crate::CallError) as `node_down`), `swarm_calls_open`, `swarm_casts_total`, `swarm_messages_received_total`, `swarm_messages_forwarded_total`, `swarm_messages_held` |
//! | full queues | `swarm_mailboxes_full_total` (`worker`), `swarm_ways_full_total` |
//! | handlers | `swarm_handler_seconds` (`worker`, `method`), `swarm_init_seconds` (`worker`), `swarm_method_switches_total` (`to`: `spot`, `pool`) |
//! | the network | `swarm_connections` (`lane`: `calls`, `bulk`), `swarm_strangers`, `swarm_network_bytes_total` (`protocol`, `direction`), `swarm_frames_total` (`direction`), `swarm_packets_total` (`direction`) |
//! | who was refused | `swarm_connections_refused_total`, `swarm_packets_refused_total`, `swarm_frames_refused_total` (each by `reason`), `swarm_reads_held_total` |
//!
//! Times are of those runs that are timed anyway: of a quick method that its callers run one in 32, of a worker with `dispatch = "pool"` none; and
//! of async ones up to where they first wait. Each metric has a sentence more on the page.
//!
//! | file | owns |
//! |---|---|
//! | `family` | a metric with its series, as data |
//! | `reading` | which metrics there are, and how they are read |
//! | `recording` | how they get to a recorder |
//! | `page` | how they look in Prometheus' text format |
//! | `request`, `server` | what is asked for by HTTP; connections and their limits |
//!
//! All of it is read when it is asked for, from what a node counts anyway. Two things are counted only if somebody has asked for metrics when the
//! node was built: the calls by worker type, and how long those runs took that are timed anyway.

mod family;
#[cfg(feature = "prometheus")]
mod page;
mod reading;
mod recording;
#[cfg(feature = "prometheus")]
mod request;
#[cfg(feature = "prometheus")]
mod server;

pub(crate) use recording::record;
#[cfg(feature = "prometheus")]
pub(crate) use server::open;

/// The label that tells nodes apart.
const NODE: &str = "node";
