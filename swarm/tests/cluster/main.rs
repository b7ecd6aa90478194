//! Several nodes in one process, over real sockets on the loopback interface.

mod fixture;
mod groups;
mod order;
mod topology;
