//! Owns the rules that tests and simulations switch off one at a time, to see that what looks for violations finds them.
//! Elsewhere every rule holds, and nothing is looked up.

/// A rule of the protocol, and what is missing without it. ARCHITECTURE.md says how each is proven to be needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(not(any(test, feature = "sim")), expect(unreachable_pub, reason = "the simulator shows it"))]
#[non_exhaustive]
pub enum Rule {
    // --- the order of calls (protocol §8)
    /// A new next hop is taken only when what went by the old one is confirmed.
    Flush,
    /// What waits on a node is not confirmed to the node that it came from.
    Confirmation,
    /// A worker that has moved takes calls only after the rest of its old queue.
    Gate,
    /// Who has come round to a node goes before those that have been there less often.
    Round,

    // --- a move of a worker (§7)
    /// Who has given its state away runs nothing any more.
    Seal,
    /// The queue goes after the worker.
    Forward,
    /// Calls that come to where a worker was are sent after it.
    Redirect,

    // --- who owns a partition (§4)
    /// A term ends in the tag of its holder.
    TermTie,
    /// Who has promised follows nobody of before.
    Promise,
    /// Every member is asked.
    AskAll,
    /// Only who sees the claimant as the ring's owner promises.
    Agree,
    /// Whom the others see is asked as well.
    Closure,
    /// Nobody claims before it knows the members.
    Joined,
    /// Views are compared before terms are.
    DisagreeFirst,
    /// Who comes back is asked what it has.
    Cover,
    /// An owner that the ring has passed by tells its successor, as do those that follow it.
    StillOwner,

    // --- copies (§5)
    /// A copy is kept until it is retired.
    KeepCopy,
    /// Copies are retired when the replicas have everything.
    RetireComplete,
    /// Known and absent means unregistered.
    Context,
    /// A record that was merged keeps all its registrations.
    Siblings,
    /// An acknowledgement waits for the replicas.
    AckReplicated,

    // --- where a name runs (§6)
    /// Epochs count in their owner's term.
    TermEpochs,
    /// An activation waits until the replicas know of it.
    Intent,
    /// An unregister waits for what its host was told before.
    Invalidate,
    /// Only an owner ends a seal.
    OwnerUnseals,
    /// A cell knows whose state it contains.
    Lineage,
    /// A start is sent once.
    StartOnce,
    /// What was said before a directive came is no answer to it.
    Ids,
    /// Nothing is decided before every host has told its cells.
    WaitAllSeen,
    /// What is sealed is kept until its successor runs.
    DropAfterRun,
    /// After a reset the host is asked for what its lost report said.
    LostReport,
    /// Who stood still runs nothing before an owner has said how it goes on.
    Halt,
    /// What goes on beside or after a later activation does so under a new epoch.
    Renewal,

    // --- a quorum
    /// A worker runs and answers only while the lease of its node lasts.
    Lease,
    /// A lost node is waited for until its lease is surely over.
    Missing,
    /// A node has no vote until what its predecessor has granted is over.
    Awake,
}

impl Rule {
    #[cfg(not(any(test, feature = "sim")))]
    pub(crate) const fn holds(self) -> bool {
        true
    }

    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn holds(self) -> bool {
        OFF.get() != Some(self)
    }
}

#[cfg(any(test, feature = "sim"))]
impl Rule {
    /// All of them.
    pub const ALL: [Self; 36] = [
        Self::Flush,
        Self::Confirmation,
        Self::Gate,
        Self::Round,
        Self::Seal,
        Self::Forward,
        Self::Redirect,
        Self::TermTie,
        Self::Promise,
        Self::AskAll,
        Self::Agree,
        Self::Closure,
        Self::Joined,
        Self::DisagreeFirst,
        Self::Cover,
        Self::StillOwner,
        Self::KeepCopy,
        Self::RetireComplete,
        Self::Context,
        Self::Siblings,
        Self::AckReplicated,
        Self::TermEpochs,
        Self::Intent,
        Self::Invalidate,
        Self::OwnerUnseals,
        Self::Lineage,
        Self::StartOnce,
        Self::Ids,
        Self::WaitAllSeen,
        Self::DropAfterRun,
        Self::LostReport,
        Self::Halt,
        Self::Renewal,
        Self::Lease,
        Self::Missing,
        Self::Awake,
    ];

    /// Does something on this thread without this rule.
    pub(crate) fn without<T>(self, what: impl FnOnce() -> T) -> T {
        OFF.set(Some(self));
        let result = what();
        OFF.set(None);
        result
    }
}

#[cfg(any(test, feature = "sim"))]
thread_local!(static OFF: std::cell::Cell<Option<Rule>> = const { std::cell::Cell::new(None) });
