//! Owns the worker that an aircraft is, and the group that a carrier is. Never knows where it runs or why it moved.

use swarm::prelude::*;

use super::flights::Flight;
use super::ledger::Tally;

/// One flight, as it is told to the aircraft that flies it.
#[swarm::message]
#[derive(Clone, Debug)]
pub struct Leg {
    /// Where it is meant to land.
    pub dest: String,
    /// Minutes late at arrival, if known.
    pub arrival_delay: Option<i32>,
    /// Minutes in the air; unknown means that it did not get there.
    pub air_minutes: Option<u32>,
    /// Miles to there.
    pub miles: u32,
}

/// The answer to a [`Leg`].
#[swarm::message]
#[derive(Clone, Copy, Debug)]
pub struct Entered {
    /// The fencing number of the activation that entered the leg.
    pub epoch: u128,
    /// How many legs it has now.
    pub flights: u32,
}

/// An aircraft, named by its tail number. It is its own handoff state, so it moves with all that it knows; and
/// it is its own report.
#[swarm::message]
#[derive(Clone, Debug)]
pub struct Aircraft {
    /// Scheduled flights.
    pub flights: u32,
    /// Those of them that did not get there.
    pub grounded: u32,
    /// Miles flown.
    pub miles: u64,
    /// Minutes in the air.
    pub minutes: u64,
    /// Sum of the known arrival delays, in minutes.
    pub delay_minutes: i64,
    /// How many are known.
    pub delays: u32,
    /// Where it is.
    pub last_airport: Option<String>,
}

// Registered by hand, so that the demo itself, which is a member of the cluster too, is not able to host any:
// the ring places a worker only on nodes that know its kind.
#[swarm::worker(register = manual, state = Self)]
impl Aircraft {
    #[init]
    fn init() -> Self {
        Self { flights: 0, grounded: 0, miles: 0, minutes: 0, delay_minutes: 0, delays: 0, last_airport: None }
    }

    #[call(Leg)]
    fn fly(&mut self, ctx: &Context<Self>, leg: Leg) -> Entered {
        self.flights += 1;
        match leg.air_minutes {
            Some(minutes) => {
                self.miles += u64::from(leg.miles);
                self.minutes += u64::from(minutes);
                self.last_airport = Some(leg.dest);
                self.delay_minutes += leg.arrival_delay.map_or(0, i64::from);
                self.delays += u32::from(leg.arrival_delay.is_some());
            }
            None => self.grounded += 1,
        }
        Entered { epoch: ctx.epoch().into(), flights: self.flights }
    }

    #[call]
    fn report(&self) -> Aircraft {
        self.clone()
    }
}

/// A carrier's aircraft: one group a carrier, keyed by its code.
#[derive(swarm::Group)]
#[group(worker = Aircraft)]
pub struct Carrier;

impl From<&Flight> for Leg {
    fn from(flight: &Flight) -> Self {
        Self {
            dest: flight.dest.clone(),
            arrival_delay: flight.arrival_delay,
            air_minutes: flight.air_minutes,
            miles: flight.miles,
        }
    }
}

impl From<Aircraft> for Tally {
    fn from(aircraft: Aircraft) -> Self {
        Self {
            flights: aircraft.flights,
            grounded: aircraft.grounded,
            miles: aircraft.miles,
            minutes: aircraft.minutes,
            delay_minutes: aircraft.delay_minutes,
            delays: aircraft.delays,
            last_airport: aircraft.last_airport,
        }
    }
}
