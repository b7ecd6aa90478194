//! Programs in other languages, and the HTTP of nodes in this process, over their real sockets.

mod answers;
mod client;
mod document;
mod fixture;
mod gate;
mod groups;
mod leaving;
mod limits;
mod names;
mod schemathesis;
mod versions;
