//! Owns the plain single-threaded pass over the flights: what every aircraft must have in its book.
//! Never asks the cluster anything, and shares no arithmetic with the workers that it is compared with.

use std::collections::BTreeMap;

use super::flights::Flight;

/// What one aircraft has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Scheduled flights.
    pub flights: u32,
    /// Those of them that were cancelled or diverted: they add nothing below.
    pub grounded: u32,
    /// Miles flown.
    pub miles: u64,
    /// Minutes in the air.
    pub minutes: u64,
    /// Sum of the known arrival delays in minutes; early arrivals count against late ones.
    pub delay_minutes: i64,
    /// How many arrival delays are known.
    pub delays: u32,
    /// Where it landed last.
    pub last_airport: Option<String>,
}

impl Tally {
    /// Enters one flight.
    pub fn enter(&mut self, flight: &Flight) {
        self.flights += 1;
        let Some(minutes) = flight.air_minutes else {
            self.grounded += 1;
            return;
        };
        self.minutes += u64::from(minutes);
        self.miles += u64::from(flight.miles);
        self.last_airport = Some(flight.dest.clone());
        if let Some(delay) = flight.arrival_delay {
            self.delay_minutes += i64::from(delay);
            self.delays += 1;
        }
    }

    /// The mean arrival delay in minutes.
    pub fn mean_delay(&self) -> Option<f64> {
        (self.delays > 0).then(|| self.delay_minutes as f64 / f64::from(self.delays))
    }
}

impl<'a> FromIterator<&'a Flight> for Tally {
    fn from_iter<I: IntoIterator<Item = &'a Flight>>(flights: I) -> Self {
        let mut tally = Self::default();
        flights.into_iter().for_each(|flight| tally.enter(flight));
        tally
    }
}

/// Which rows of the file are of one aircraft, in its order.
pub type Rows = BTreeMap<String, Vec<usize>>;

/// The rows of every aircraft.
pub fn rows_by_tail(flights: &[Flight]) -> Rows {
    let mut rows = Rows::new();
    for (row, flight) in flights.iter().enumerate() {
        rows.entry(flight.tail.clone()).or_default().push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flight(dest: &str, delay: Option<i32>, minutes: Option<u32>, miles: u32) -> Flight {
        Flight {
            tail: "N1".into(),
            carrier: "UA".into(),
            origin: "EWR".into(),
            dest: dest.into(),
            arrival_delay: delay,
            air_minutes: minutes,
            miles,
        }
    }

    #[test]
    fn a_grounded_flight_adds_only_itself() {
        let flights = [
            flight("IAH", Some(10), Some(200), 1_400),
            flight("MIA", None, None, 1_089),
            flight("BOS", Some(-4), Some(40), 187),
        ];
        let tally: Tally = flights.iter().collect();
        assert_eq!((tally.flights, tally.grounded, tally.miles, tally.minutes), (3, 1, 1_587, 240));
        assert_eq!(tally.last_airport.as_deref(), Some("BOS"));
        assert_eq!(tally.mean_delay(), Some(3.0));
        assert_eq!(Tally::default().mean_delay(), None);
    }
}
