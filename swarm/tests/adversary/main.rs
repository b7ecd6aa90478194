//! Attackers on clusters of real nodes over the loopback interface, each kind in a file of its own. During each attack no member is given
//! up, calls succeed, memory stays within a bound, and what is refused is counted, and told at most once a second.

mod cores;
mod crowd;
mod fixture;
mod flood;
mod forger;
mod garbage;
mod hoarder;
mod liar;
mod meddler;
mod member;
mod outsider;
mod pace;
mod recorder;
mod recording;
mod twin;

use peak_alloc::PeakAlloc;

/// Counts what is in use, so that it is seen what an attack costs.
#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;
