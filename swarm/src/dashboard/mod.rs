//! The cluster as a page in a browser: served by each node that is told to by [`Builder::dashboard`](crate::Builder::dashboard), for the whole of
//! the cluster, whichever node it is.
//!
//! It shows the ring with its partitions coloured by owner, workers as they move, the nodes with their load and version, a table of workers to
//! be searched, a page for each of them, groups, and what happens. Who has logged in can drain nodes and move workers. The page is in the
//! program: it loads nothing from anywhere else.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use swarm::{Dashboard, Swarm};
//!
//! let dashboard = Dashboard::at("127.0.0.1:8080").token("a token that nobody guesses");
//! let swarm = Swarm::builder().cluster("bank").dashboard(dashboard).start().await?;
//! println!("http://{}", swarm.dashboard().expect("it was asked for"));
//! # Ok(()) }
//! ```
//!
//! Or without a word of code, by the environment: `SWARM_DASHBOARD=127.0.0.1:8080`, and `SWARM_DASHBOARD_TOKEN` or `SWARM_DASHBOARD_TOKEN_FILE`.
//!
//! # Who is let in
//!
//! Who logs in with one of the node's [tokens](Dashboard::token), for twelve hours at most. On a loopback address there need be none: then whoever
//! uses the machine may look, and nobody can change anything. An address that other machines reach needs a token, and TLS or
//! [`Dashboard::without_tls`]. What a browser sends for a page from elsewhere is refused, by its `Origin`, its `Sec-Fetch-Site`, its `Host`
//! where nobody logs in, and since a change needs a field of its own.
//!
//! Five logins may fail in a second from one address of IPv4 or one network (/64) of IPv6, whatever others do. [`Dashboard::without_tls`] tells what
//! that means behind a proxy.
//!
//! # What it costs
//!
//! Nothing while nobody watches, but for the node's last events, which are kept as for operators
//! ([`Builder::admin`](crate::Builder::admin)). While somebody does, all nodes are asked once a second how they are, however many watch. The history of
//! a worker and the events of other nodes are told by those that serve operators or a dashboard themselves.
//!
//! | file | owns |
//! |---|---|
//! | `settings` | what a node is told about it |
//! | `server`, `hall`, `gate` | connections and their limits, what they share, who is let in |
//! | `login`, `attempts`, `sessions` | how somebody logs in; how often that may fail; who has |
//! | `router`, `answers` | paths and files; what is answered |
//! | `live`, `scene`, `figures` | what is told as it happens; what is shown; nodes and their rates |
//! | `page/` | the page: HTML, CSS and modules of JavaScript, as browsers load them |

mod answers;
mod attempts;
mod figures;
mod gate;
mod hall;
mod live;
mod login;
mod router;
mod scene;
mod server;
mod sessions;
mod settings;

pub(crate) use server::open;
pub use settings::Dashboard;
