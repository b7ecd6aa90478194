//! Short scripts between several nodes on a network of the test's own.

mod bytes;
mod network;
mod scripts;
