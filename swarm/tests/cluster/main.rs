//! Several nodes in one process, over real sockets on the loopback interface.

mod calls;
#[cfg(feature = "tls")]
mod certificates;
mod facts;
mod fixture;
mod groups;
mod handles;
mod handoff;
mod order;
mod pace;
mod quorum;
mod registry;
mod relay;
mod secrets;
mod split;
mod topology;
mod versions;
mod workers;
