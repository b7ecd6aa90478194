//! Calls that go on in the traces of their callers, over real sockets on the loopback interface.

mod fixture;
mod gateway;
mod nodes;
mod recorder;
mod routes;
