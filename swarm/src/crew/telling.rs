//! Owns how a node tells and asks the members of a group, wherever they are. Never anything of how users write it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use swarm_net::node::NodeId;

use crate::call::traced;
use crate::error::{CallError, Executed, RegistryError};
use crate::name::Name;
use crate::runtime::survey::Told;
use crate::runtime::{Node, Question, survey};
use crate::whom::Whom;
use crate::worker::Payload;

impl Node {
    /// A message that may travel.
    pub(crate) fn for_a_group(&self, payload: Payload) -> Result<Payload, RegistryError> {
        let (node, bytes, limit) = (self.id(), payload.len() as u64, self.config().message_bytes_max());
        if bytes > limit { Err(RegistryError::TooLarge { node, bytes, limit }) } else { Ok(payload) }
    }

    /// A number for one publish or multicall: unique in the cluster, and never zero. The node's own numbers, spread by its
    /// boot id.
    fn crew_id(&self) -> u64 {
        (self.id().boot().wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ self.number()) | 1 << 63
    }

    /// What the members of a group are told, for whoever's span this is asked in.
    fn told(&self, message: u64, fingerprint: u32, payload: &Payload) -> Told {
        let trace = self.tracing.current().map(|trace| traced::bytes(&trace)).unwrap_or_default();
        Told { id: self.crew_id(), message, fingerprint, payload: payload.to_vec(), trace }
    }

    pub(crate) async fn publish(
        self: Arc<Self>,
        whom: Whom,
        message: u64,
        fingerprint: u32,
        payload: &Payload,
        limit: Duration,
    ) -> Result<usize, RegistryError> {
        let due = self.now() + limit;
        let told = self.told(message, fingerprint, payload);
        let mut answers = self.ask_all(&Question::Publish { whom, told }, due)?;
        let mut delivered = 0;
        loop {
            match self.within(due.since(self.now()), answers.next()).await {
                // Whoever says how many it was may say anything.
                Some(Some((_, findings))) => {
                    delivered =
                        usize::try_from(findings.delivered).map_or(usize::MAX, |more| more.saturating_add(delivered));
                }
                Some(None) => return Ok(delivered),
                None => return Err(RegistryError::Timeout { name: None, node: self.id(), after: limit }),
            }
        }
    }

    /// Calls the members of a group; what they answer comes as it comes.
    ///
    /// # Errors
    /// If nothing more is begun here for users.
    pub(crate) fn call_all(
        self: &Arc<Self>,
        whom: Whom,
        message: u64,
        fingerprint: u32,
        payload: &Payload,
        limit: Duration,
    ) -> Result<survey::Answers, RegistryError> {
        let within_ms = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
        let told = self.told(message, fingerprint, payload);
        self.ask_all(&Question::Multicall { whom, told, within_ms }, self.now() + limit)
    }

    pub(crate) async fn multicall(
        self: &Arc<Self>,
        whom: Whom,
        message: u64,
        fingerprint: u32,
        payload: &Payload,
        limit: Duration,
    ) -> Result<Vec<(Name, Result<Vec<u8>, CallError>)>, RegistryError> {
        let due = self.now() + limit;
        let mut answers = self.call_all(whom, message, fingerprint, payload, limit)?;
        let mut called = BTreeMap::<Name, (NodeId, Option<Result<Vec<u8>, CallError>>)>::new();
        let in_time = loop {
            let (from, findings) = match self.within(due.since(self.now()), answers.next()).await {
                Some(Some(part)) => part,
                Some(None) => break true,
                None => break false,
            };
            for (name, _) in findings.found {
                called.entry(name).or_insert((from, None));
            }
            for (name, reply) in findings.replies {
                // A member that moves may be called twice. It answers once, and that goes before what came of the other.
                let known = called.get(&name).and_then(|(_, known)| known.as_ref());
                if known.is_none_or(|known| certainty(known) < certainty(&reply)) {
                    called.insert(name, (from, Some(reply)));
                }
            }
        };
        let answer = |(name, (node, reply)): (Name, (NodeId, Option<_>))| {
            // All have answered or are lost: so it went with its node, or with the connection to that.
            let executed = Executed::Maybe;
            let lost = || match in_time {
                true => CallError::NodeDown { name: name.clone(), node, executed },
                false => CallError::Timeout { name: name.clone(), node, after: limit, executed },
            };
            let reply = reply.unwrap_or_else(|| Err(lost()));
            (name, reply)
        };
        Ok(called.into_iter().map(answer).collect())
    }
}

/// How much an answer says of whether the call ran.
fn certainty(reply: &Result<Vec<u8>, CallError>) -> u8 {
    match reply.as_ref().map_or_else(CallError::executed, |_| Executed::Yes) {
        Executed::No => 0,
        Executed::Maybe => 1,
        Executed::Yes => 2,
    }
}
