//! A web service with a worker for each visitor's session. It runs on any number of instances behind any load balancer: a
//! cookie names the session, the session is wherever the ring has put it, and whichever instance a request comes to calls it.
//! No store beside the service, and nothing sticky before it.

mod cookie;
pub mod options;
pub mod service;
mod session;

pub use session::{Session, SessionClient};
