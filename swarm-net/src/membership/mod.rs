//! Owns who is a member: failure detection, dissemination, member lists and profiles, as a state machine.
//! Never touches a socket, a thread or a clock.

mod config;
mod event;

use crate::member::{Member, Profile, View};
use crate::node::NodeId;
use crate::time::{Instant, Now};

pub use config::MembershipConfig;
pub use event::{Input, Output};

/// The membership of one node. Feed it [`Input`]s, do its [`Output`]s, call it again at [`Membership::next_timeout`].
pub struct Membership {
    view: View,
}

impl Membership {
    /// A node that knows nobody yet.
    pub fn new(
        me: NodeId,
        profile: Profile,
        _cluster: &str,
        _config: MembershipConfig,
        _seed: u64,
        _now: Now,
    ) -> Self {
        let member = Member {
            id: me,
            profile: profile.into(),
        };
        Self {
            view: View::from([(me, member)]),
        }
    }

    /// Takes in one input and appends what is to be done.
    pub fn handle(&mut self, _now: Now, _input: Input<'_>, _out: &mut Vec<Output>) {}

    /// When to call again with [`Input::Timeout`], if nothing happens before.
    pub fn next_timeout(&self) -> Option<Instant> {
        None
    }

    /// All members as last reported by events, this node included.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Whether this node has the whole member list of its cluster, or has formed one alone. Goes into the handshake.
    pub fn joined(&self) -> bool {
        false
    }
}
