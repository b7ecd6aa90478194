//! Owns the choice between availability and consistency: where workers may run while the network is split.
//! Never says how; the directory does.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use swarm_net::setting::Setting;

/// On which side of a split network workers run. All nodes of a cluster have the same; one that has another is refused.
///
/// ```
/// use swarm::prelude::*;
///
/// let builder = swarm::Swarm::builder().placement(Placement::Quorum { size: 3 });
/// # drop(builder);
/// // The same by the environment: SWARM_PLACEMENT=quorum:3
/// let config = Config::default().with_variables([("SWARM_PLACEMENT", "quorum:3")])?;
/// assert_eq!(config.placement, Placement::Quorum { size: 3 });
/// # Ok::<(), swarm::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Placement {
    /// On every side, by consistent hashing over the nodes there. A name may run on two sides, and is merged when they
    /// meet again.
    #[default]
    Ring,
    /// Only where at least `size` members see each other, and never in two places. Swarm's `StaticQuorumRing`.
    ///
    /// A side with fewer members registers nothing and stops the workers that it has (`die` is told
    /// [`Die::NoQuorum`](crate::Die::NoQuorum)) within [`Config::lease_ms`](crate::Config::lease_ms) of the split; calls end
    /// with [`CallError::NoQuorum`](crate::CallError::NoQuorum), casts with [`CastError::NoQuorum`](crate::CastError::NoQuorum). The side with the quorum starts them again from their init
    /// arguments, after that time and a sixteenth. When the sides meet, everything comes back to its place.
    ///
    /// The price: after every node that is lost without a goodbye, what it hosted or decided waits for that time, since
    /// a lost node may be alive elsewhere; new names wait, calls to workers of other nodes do not. A node also waits that
    /// long when it starts, since its predecessor may have promised something. Workers' state is lost as in a crash.
    ///
    /// It holds as long as the clocks of nodes run at the same rate within 3 %, and go on while a node is suspended (a
    /// process that was stopped and goes on finds its time over; a virtual machine whose clock was stopped with it does
    /// not).
    Quorum {
        /// The least number of members of a side, this node included. More than half of all nodes, else two sides may both
        /// have a quorum: with `2 · size ≤ nodes`, a split in the middle runs every name twice, as with
        /// [`Placement::Ring`]. And with [`Config::replicas`](crate::Config::replicas) above `nodes − size`, so that every side
        /// with a quorum has the record of every name: one whose records are all on the other side is unknown there until
        /// they meet. The default of 3 is enough for five nodes.
        size: u32,
    },
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ring => f.write_str("ring"),
            Self::Quorum { size } => write!(f, "quorum:{size}"),
        }
    }
}

impl FromStr for Placement {
    type Err = String;

    /// Reads `ring`, `quorum:3`, or the bare size of a quorum.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text == "ring" {
            return Ok(Self::Ring);
        }
        let size = text.strip_prefix("quorum:").unwrap_or(text);
        let size = size.parse().map_err(|_| "is neither `ring` nor a quorum such as `quorum:3`".to_owned())?;
        Ok(Self::Quorum { size })
    }
}

impl Setting for Placement {
    fn set(&mut self, text: &str) -> Result<(), String> {
        *self = text.parse()?;
        Ok(())
    }

    fn get(&self) -> String {
        match self {
            Self::Ring => self.to_string(),
            Self::Quorum { size } => size.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        for (text, placement) in [
            ("ring", Ok(Placement::Ring)),
            (" quorum:3 ", Ok(Placement::Quorum { size: 3 })),
            ("3", Ok(Placement::Quorum { size: 3 })),
        ] {
            assert_eq!(text.parse(), placement, "{text}");
        }
        for text in ["", "quorum", "quorum:", "quorum:-1", "quorum:2.5", "majority"] {
            let problem = text.parse::<Placement>().expect_err(text);
            assert!(problem.contains("quorum:3"), "{problem}");
        }
        assert_eq!(Placement::Quorum { size: 3 }.to_string(), "quorum:3");
    }
}
