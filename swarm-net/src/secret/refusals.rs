//! Owns what is counted and logged of those who are refused: since they do not share this node's secret, have no certificate, cannot be part of its cluster,
//! or ask for more than there is. Never logs one reason more than once a second, nor of packets more than once a minute.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::time::{Clock, Instant};

/// A flood of connections is one line a second.
const LOG_CONNECTIONS_EVERY: Duration = Duration::from_secs(1);
/// Packets that are not for us are no trouble where several clusters share a network: their beacons come for ever.
const LOG_PACKETS_EVERY: Duration = Duration::from_secs(60);

/// What does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// A connection to or from a node that holds none of our keys, or is of another cluster.
    Key,
    /// The other end of a connection has a secret, or certificates, and we have neither.
    WeHaveNone,
    /// The other end of a connection has no secret and no certificates, and we have one of them.
    TheyHaveNone,
    /// One end of a connection has a secret, the other certificates.
    Otherwise,
    /// The other end of a connection has shown a certificate that we do not accept, or none.
    #[cfg(feature = "tls")]
    Certificate,
    /// The other end of a connection does not accept our certificate.
    #[cfg(feature = "tls")]
    OurCertificate,
    /// The other end of a connection speaks another version, or what came is no handshake at all.
    Handshake,
    /// Bytes of a connection that the other end has not written so.
    Altered,
    /// A packet that is sealed, and we have no secret.
    PacketSealed,
    /// A packet that is not sealed, and we have a secret.
    PacketPlain,
    /// A packet by none of our keys, of another cluster, or changed on its way.
    PacketForged,
    /// A packet that has been taken before.
    PacketRepeated,
    /// A packet of somebody unknown that was not sent about now.
    PacketUntimely,
    /// A packet that did not come from where its sender claims to be.
    PacketElsewhere,
    /// A connection that is one too many of those that have not proved anything.
    Crowd,
    /// A connection that the system does not hand over.
    Unaccepted,
    /// What came over a connection is not what nodes say, or not when it may be said.
    Garbage,
    /// A handshake or a frame was not completed in time.
    Slow,
    /// A node of our cluster that can be no part of it.
    Misfit,
    /// A member whose connection was ended, since it asked for more than it read.
    Cut,
    /// A member from which nothing is read for now, since it sends more than is worked off.
    Flood,
}

const TROUBLES: usize = Trouble::Flood as usize + 1;

/// How much was refused since the node started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// Connections, whichever side dialled.
    pub connections: u64,
    /// Packets that no key of this node has sealed.
    pub packets: u64,
    /// Packets that were authentic, and had been taken before or were too old to tell.
    pub replays: u64,
    /// Packets that did not come from where their sender claims to be, before that was connected.
    pub misplaced: u64,
    /// Connections that were not taken: too many were open that had not proved anything, or the system had no room.
    pub turned_away: u64,
    /// Connections that were ended since what came was not what nodes say, or came too slowly.
    pub broken: u64,
    /// Handshakes, whichever side dialled, with nodes of this cluster that can be no part of it: of another version, with other
    /// partitions or rules.
    pub misfits: u64,
    /// Connections to members that were ended, since these asked for more than they read.
    pub cut: u64,
    /// How often reading from a member was paused, since it had sent more than was worked off.
    pub held: u64,
}

/// Counts and logs. Cheap to clone; all clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refusals(Arc<[Tally; TROUBLES]>);

#[derive(Debug, Default)]
struct Tally {
    count: AtomicU64,
    /// When it was last logged, what the count was, and of whom it was said.
    logged: Mutex<Option<(Instant, u64, String)>>,
}

/// A reason for which something was refused, as operators are told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// What it is about.
    pub about: About,
    /// What happened, and what it may mean.
    pub text: &'static str,
    /// How often, since the node started.
    pub count: u64,
    /// Of whom it was last logged.
    pub whom: String,
    /// How long ago that was.
    pub ago: Duration,
}

/// What a [`Refusal`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum About {
    /// The two ends do not share a secret: one has another, or none.
    Secret,
    /// A node of the cluster that can be no part of it: of another version, with other partitions or rules.
    Misfit,
    /// All else.
    Other,
}

impl Refusals {
    /// Counts one, and logs it with `whom` unless that was done for another just before.
    pub(crate) fn note(&self, trouble: Trouble, whom: &dyn fmt::Display) {
        let tally = &self.0[trouble as usize];
        let count = tally.count.fetch_add(1, Ordering::Relaxed) + 1;
        let now = Clock::instant();
        let mut logged = tally.logged.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match &*logged {
            Some((at, ..)) if now.since(*at) < trouble.log_every() => return,
            Some((_, before, _)) => *before,
            None => 0,
        };
        *logged = Some((now, count, whom.to_string()));
        tracing::warn!(%whom, since_last = count - before, "{}", trouble.text());
    }

    /// What was refused, of whom last.
    pub(crate) fn told(&self) -> Vec<Refusal> {
        let now = Clock::instant();
        let told = |trouble: &Trouble| {
            let tally = &self.0[*trouble as usize];
            let logged = tally.logged.lock().unwrap_or_else(PoisonError::into_inner);
            let (at, _, whom) = logged.as_ref()?;
            let count = tally.count.load(Ordering::Relaxed);
            let (about, text) = (trouble.about(), trouble.text());
            Some(Refusal { about, text, count, whom: whom.clone(), ago: now.since(*at) })
        };
        Trouble::ALL.iter().filter_map(told).collect()
    }

    pub(crate) fn figures(&self) -> Refused {
        let sum = |troubles: &[Trouble]| {
            troubles.iter().map(|trouble| self.0[*trouble as usize].count.load(Ordering::Relaxed)).sum()
        };
        Refused {
            connections: sum(&[
                Trouble::Key,
                Trouble::WeHaveNone,
                Trouble::TheyHaveNone,
                Trouble::Otherwise,
                #[cfg(feature = "tls")]
                Trouble::Certificate,
                #[cfg(feature = "tls")]
                Trouble::OurCertificate,
                Trouble::Handshake,
                Trouble::Altered,
            ]),
            packets: sum(&[Trouble::PacketSealed, Trouble::PacketPlain, Trouble::PacketForged]),
            replays: sum(&[Trouble::PacketRepeated, Trouble::PacketUntimely]),
            misplaced: sum(&[Trouble::PacketElsewhere]),
            turned_away: sum(&[Trouble::Crowd, Trouble::Unaccepted]),
            broken: sum(&[Trouble::Garbage, Trouble::Slow]),
            misfits: sum(&[Trouble::Misfit]),
            cut: sum(&[Trouble::Cut]),
            held: sum(&[Trouble::Flood]),
        }
    }
}

impl Trouble {
    const ALL: [Self; TROUBLES] = [
        Self::Key,
        Self::WeHaveNone,
        Self::TheyHaveNone,
        Self::Otherwise,
        #[cfg(feature = "tls")]
        Self::Certificate,
        #[cfg(feature = "tls")]
        Self::OurCertificate,
        Self::Handshake,
        Self::Altered,
        Self::PacketSealed,
        Self::PacketPlain,
        Self::PacketForged,
        Self::PacketRepeated,
        Self::PacketUntimely,
        Self::PacketElsewhere,
        Self::Crowd,
        Self::Unaccepted,
        Self::Garbage,
        Self::Slow,
        Self::Misfit,
        Self::Cut,
        Self::Flood,
    ];

    const fn about(self) -> About {
        match self {
            Self::Key | Self::WeHaveNone | Self::TheyHaveNone | Self::Otherwise => About::Secret,
            #[cfg(feature = "tls")]
            Self::Certificate | Self::OurCertificate => About::Other,
            Self::Misfit => About::Misfit,
            // Packets of other clusters are no trouble where several share a network.
            Self::PacketSealed | Self::PacketPlain | Self::PacketForged => About::Other,
            Self::Handshake | Self::Altered | Self::PacketRepeated | Self::PacketUntimely => About::Other,
            Self::PacketElsewhere | Self::Crowd | Self::Unaccepted | Self::Garbage => About::Other,
            Self::Slow | Self::Cut | Self::Flood => About::Other,
        }
    }

    const fn log_every(self) -> Duration {
        match self {
            #[cfg(feature = "tls")]
            Self::Certificate | Self::OurCertificate => LOG_CONNECTIONS_EVERY,
            Self::Key
            | Self::WeHaveNone
            | Self::TheyHaveNone
            | Self::Otherwise
            | Self::Handshake
            | Self::Altered
            | Self::Crowd
            | Self::Unaccepted
            | Self::Garbage
            | Self::Slow
            | Self::Misfit
            | Self::Cut
            | Self::Flood => LOG_CONNECTIONS_EVERY,
            Self::PacketSealed
            | Self::PacketPlain
            | Self::PacketForged
            | Self::PacketRepeated
            | Self::PacketUntimely
            | Self::PacketElsewhere => LOG_PACKETS_EVERY,
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Key => {
                "a connection was refused by authentication: the other node has another secret, or another cluster's name"
            }
            Self::WeHaveNone => {
                "a connection was refused: the other node has a secret, or certificates, and this one has neither; start it as the others of its cluster"
            }
            Self::TheyHaveNone => {
                "a connection was refused: this node has a secret, or certificates, and the other one has neither; start that as the others of its cluster"
            }
            Self::Otherwise => {
                "a connection was refused: one of the two nodes protects connections by the secret, the other by certificates (TLS); start all nodes of the cluster alike"
            }
            #[cfg(feature = "tls")]
            Self::Certificate => "a connection was refused: the certificate of the other node is not accepted",
            #[cfg(feature = "tls")]
            Self::OurCertificate => {
                "a connection was refused: the other node does not accept the certificate of this one"
            }
            Self::Handshake => {
                "a connection was refused: its handshake is none of this version's, so the other end is no node or another version"
            }
            Self::Altered => "a connection was ended: its bytes were altered on their way",
            Self::PacketSealed => "a packet was ignored: it is encrypted and this node has no secret",
            Self::PacketPlain => "a packet was ignored: it is not encrypted and this node has a secret",
            Self::PacketForged => {
                "a packet was ignored: it is encrypted with another secret, or of another cluster, or was altered on its way"
            }
            Self::PacketElsewhere => "a packet was ignored: it did not come from where its sender claims to be",
            Self::Crowd => "a connection was not taken: too many are open that have not proved to be members'",
            Self::Unaccepted => "a connection could not be taken: the system hands over no more",
            Self::Garbage => "a connection was ended: what came over it is not what nodes of this version say",
            Self::Slow => "a connection was ended: a handshake or a frame was not completed in time",
            Self::Misfit => {
                "a node of this cluster and this one cannot be part of one cluster, and one has refused the other"
            }
            Self::Cut => "the connection to a member was ended: it asks for more than it reads",
            Self::Flood => {
                "nothing more is read from a member for now: it sends more than this node works off, or asks for more than it reads"
            }
            Self::PacketRepeated => "a packet was ignored: it came a second time, or far too late",
            Self::PacketUntimely => {
                "a packet was ignored: it was not sent just now; it was recorded before, or the clocks of the nodes differ by more than a minute"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    use super::*;

    /// Counts lines.
    #[derive(Clone, Default)]
    struct Lines(Arc<AtomicUsize>);

    impl Subscriber for Lines {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, _: &Event<'_>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }

    #[test]
    fn a_flood_is_counted_whole_and_logged_once_a_second_for_each_reason() {
        let (lines, refusals) = (Lines::default(), Refusals::default());
        let begun = Clock::instant();
        tracing::subscriber::with_default(lines.clone(), || {
            for _ in 0..10_000 {
                refusals.note(Trouble::Key, &"somebody");
                refusals.note(Trouble::Altered, &"somebody");
                refusals.note(Trouble::PacketForged, &"somebody");
            }
        });
        let seconds = Clock::instant().since(begun).as_secs() as usize;
        let logged = lines.0.load(Ordering::SeqCst);
        assert!((3..=3 + 3 * seconds).contains(&logged), "{logged} lines in {seconds} s");
        assert_eq!(refusals.figures(), Refused { connections: 20_000, packets: 10_000, ..Refused::default() });
    }

    #[test]
    fn each_kind_is_counted_where_it_belongs() {
        let refusals = Refusals::default();
        for trouble in Trouble::ALL {
            refusals.clone().note(trouble, &"somebody");
        }
        let expected = Refused {
            connections: if cfg!(feature = "tls") { 8 } else { 6 },
            packets: 3,
            replays: 2,
            misplaced: 1,
            turned_away: 2,
            broken: 2,
            misfits: 1,
            cut: 1,
            held: 1,
        };
        assert_eq!(refusals.figures(), expected);
        let told = refusals.told();
        assert!(told.iter().all(|refusal| (refusal.count, refusal.whom.as_str()) == (1, "somebody")));
        let about = |about| told.iter().filter(|refusal| refusal.about == about).count();
        assert_eq!((told.len(), about(About::Secret), about(About::Misfit)), (TROUBLES, 4, 1));
    }
}
