//! Tests of several parts of the runtime together, without sockets, threads or clocks.

mod order;
