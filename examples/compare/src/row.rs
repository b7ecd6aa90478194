//! Owns the names of what is measured: a bench, a system on a runtime, and the size of the load. Never decides which of them
//! go together; that is `plan`'s.

use std::fmt;
use std::io;
use std::str::FromStr;

/// Gives an enum the words by which it is written and read.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$what:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) enum $name {
            $($(#[$what])* $variant,)*
        }

        impl $name {
            pub(crate) const ALL: &[Self] = &[$(Self::$variant),*];

            pub(crate) fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.word())
            }
        }

        impl FromStr for $name {
            type Err = io::Error;

            fn from_str(word: &str) -> io::Result<Self> {
                let known = || Self::ALL.iter().map(|one| one.word()).collect::<Vec<_>>().join(", ");
                let found = Self::ALL.iter().copied().find(|one| one.word() == word);
                found.ok_or_else(|| io::Error::other(format!("`{word}` is none of {}", known())))
            }
        }
    };
}

words! {
    /// What is measured.
    Bench {
        /// A request to another process and its answer.
        RemoteCall = "remote_call",
        /// The same within one process.
        LocalCall = "local_call",
        /// A message without an answer, within one process.
        LocalCast = "local_cast",
        /// The same to another process.
        RemoteCast = "remote_cast",
        /// Giving names to workers that start.
        Register = "register",
        /// Asking another node where a name is.
        Whereis = "whereis",
        /// Starting idle workers.
        Spawn = "spawn",
        /// What idle workers weigh.
        Memory = "memory",
        /// Until all is placed after a node joined.
        JoinRebalance = "join_rebalance",
        /// Until all answers after a node was killed.
        KillFailover = "kill_failover",
        /// Telling a group.
        Publish = "publish",
        /// Asking a group.
        Multicall = "multicall",
        /// A large state that moves beside running calls.
        HandoffBulk = "handoff_bulk",
    }
}

words! {
    /// What is compared.
    System {
        /// Blocking TCP sockets: a ping-pong for one caller, an echo of whole reads for more.
        Raw = "raw",
        /// A tokio task behind a bounded channel, with a oneshot for the answer.
        Mpsc = "mpsc",
        /// A concurrent map of names to numbers: the least that a look-up of a name is.
        Map = "map",
        /// tarpc over TCP with bincode.
        Tarpc = "tarpc",
        /// ractor, and ractor_cluster between processes.
        Ractor = "ractor",
        /// kameo, and its libp2p between processes.
        Kameo = "kameo",
        /// murmer over QUIC.
        Murmer = "murmer",
        /// actix.
        Actix = "actix",
        /// `gen_server` of Erlang/OTP.
        Erlang = "erlang",
        /// This repository's crate.
        Swarm = "swarm",
        /// The same with `dispatch = "pool"`: every handler is a task of tokio's.
        SwarmPool = "swarm-pool",
        /// The same with a secret, so that all that goes between its processes is encrypted and authenticated.
        SwarmSecret = "swarm-secret",
        /// The same with certificates, and no secret.
        SwarmTls = "swarm-tls",
    }
}

words! {
    /// What runs a process's tasks.
    Runtime {
        /// Threads of the kernel's.
        Threads = "threads",
        /// tokio's current-thread runtime.
        Current = "current",
        /// tokio's multi-thread runtime with one worker.
        One = "1",
        /// The same with two, and Erlang with two schedulers.
        Two = "2",
    }
}

words! {
    /// How callers and workers meet.
    Case {
        /// Each caller has a worker of its own, and keeps what it is reached by.
        Handle = "handle",
        /// Each caller goes through 1,000 names.
        Name = "name",
        /// As `handle`; the handler is async and ready at once.
        Ready = "ready",
        /// As `handle`; the handler is async and yields once.
        Pending = "pending",
        /// All callers have one worker.
        One = "one",
        /// Callers go through at most 65,536 names, spread evenly over `count` workers that are there.
        Growth = "growth",
        /// Callers go through every tenth of `count` workers.
        Busy = "busy",
        /// It is not about callers.
        Plain = "-",
    }
}

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Row {
    pub(crate) bench: Bench,
    pub(crate) system: System,
    pub(crate) runtime: Runtime,
    pub(crate) case: Case,
    /// How many processes serve.
    pub(crate) nodes: u64,
    pub(crate) callers: u64,
    /// Bytes that go each way with a call, and are moved or kept by each worker otherwise.
    pub(crate) payload: u64,
    /// How many names, workers or members it is about; 0 where that is not the question.
    pub(crate) count: u64,
}
