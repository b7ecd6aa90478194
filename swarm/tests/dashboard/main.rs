//! The dashboard of nodes in this process, over their real sockets: what programs see of it, and what a browser does.

mod browser;
mod client;
mod fixture;
mod gate;
mod live;
mod questions;
mod sessions;
