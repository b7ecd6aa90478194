//! Owns where a process of the campaign stands in the network: on the loopback interface, or in a namespace of its own.
//! Never starts anything.

use std::str::FromStr;

use swarm::prelude::*;

use crate::fleet::member;

/// The port of nodes that have an address of their own.
const PORT: u16 = 45_892;

/// One process's place, which it is told as the words of its command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its cluster.
    pub cluster: String,
    /// How it finds the others.
    pub address: Address,
    /// How long it may take to leave, if that is not to be the usual time.
    pub leave_within_ms: Option<u64>,
}

/// How a process finds the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// By beacons of this port on the loopback interface.
    Loopback(u16),
    /// By beacons of a network where it has this address.
    Own(String),
}

impl Place {
    /// A node at this place, to be completed and started.
    pub fn member(&self) -> Result<swarm::Builder, swarm::ConfigError> {
        let builder = match &self.address {
            Address::Loopback(beacon_port) => member::on_loopback(&self.cluster, *beacon_port),
            // A private network of this machine, which the campaign has made itself.
            Address::Own(ip) => Swarm::builder()
                .cluster(&self.cluster)
                .bind(format!("{ip}:{PORT}"))
                .insecure()
                .discovery(Multicast::default()),
        };
        let mut config = Config::from_env()?;
        if let Some(limit) = self.leave_within_ms {
            config.leave_timeout_ms = limit;
        }
        Ok(builder.config(config))
    }

    /// As words of a command line.
    pub fn words(&self) -> Vec<String> {
        let (how, where_) = match &self.address {
            Address::Loopback(port) => ("loopback", port.to_string()),
            Address::Own(ip) => ("own", ip.clone()),
        };
        let limit = self.leave_within_ms.map_or_else(|| "-".to_owned(), |limit| limit.to_string());
        vec![self.cluster.clone(), how.to_owned(), where_, limit]
    }

    /// From those words.
    pub fn parse(words: &[String]) -> Result<Self, String> {
        let [cluster, how, where_, limit] = words else { return Err("a place has four words".to_owned()) };
        let address = match how.as_str() {
            "loopback" => Address::Loopback(number(where_)?),
            "own" => Address::Own(where_.clone()),
            _ => return Err(format!("{how} is no kind of place")),
        };
        let leave_within_ms = if limit == "-" { None } else { Some(number(limit)?) };
        Ok(Self { cluster: cluster.clone(), address, leave_within_ms })
    }
}

fn number<N: FromStr>(word: &str) -> Result<N, String> {
    word.parse().map_err(|_| format!("`{word}` is not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_its_words() {
        let places = [
            Place { cluster: "a".into(), address: Address::Loopback(57_344), leave_within_ms: None },
            Place { cluster: "b".into(), address: Address::Own("10.77.0.1".into()), leave_within_ms: Some(2_000) },
        ];
        for place in places {
            assert_eq!(Place::parse(&place.words()), Ok(place));
        }
    }
}
