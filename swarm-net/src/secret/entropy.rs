//! Owns where the randomness of handshakes comes from. Never falls back from one source to another.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use ring::rand::{SecureRandom, SystemRandom};
use snow::types::Random;

/// A source of randomness. Clones of a seeded one draw from the same sequence.
#[derive(Clone)]
pub(crate) enum Entropy {
    /// The system's.
    System(SystemRandom),
    /// A sequence that follows from a seed: for tests alone, since who knows the seed knows all keys.
    Seeded(Arc<Mutex<StdRng>>),
}

impl Entropy {
    pub(crate) fn system() -> Self {
        Self::System(SystemRandom::new())
    }

    pub(crate) fn seeded(seed: u64) -> Self {
        Self::Seeded(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }
}

impl Random for Entropy {
    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), snow::Error> {
        match self {
            Self::System(system) => system.fill(dest).map_err(|_| snow::Error::Rng),
            Self::Seeded(rng) => {
                rng.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(dest);
                Ok(())
            }
        }
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System(_) => "Entropy(system)",
            Self::Seeded(_) => "Entropy(seeded)",
        })
    }
}
