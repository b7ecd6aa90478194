//! Owns what operators do to workers and keys: move, restart, rebalance; add, use and remove a key. Never does what would part nodes that
//! understand each other, or what the directory's protocol does not allow.

use std::collections::BTreeSet;

use swarm_net::node::NodeId;
use swarm_net::secret::{KeyId, Keyring, Secret, SecretError};

use super::answer::{Code, Refusal, Whereabouts};
use super::ask::{NewKey, OfKey, Post, Restart};
use super::cluster::Sight;
use super::deed::{KeyChange, Keyrings, NodeKeys, Rebalanced, Restarted};
use super::operator::refusal;
use crate::directory::{Ability, Unmovable, Whereabouts as Found};
use crate::name::Name;
use crate::runtime::inquiry::{Facts, Inquiry};

/// How much of a reason is told.
const WHY_BYTES_MAX: usize = 1024;

impl Sight {
    pub(crate) async fn post(&self, ask: Post) -> Result<Whereabouts, Refusal> {
        // All of it within the time that there is.
        let end = self.node.now() + self.limit;
        let to = ask.node.as_deref().map(|node| self.find(node)).transpose()?;
        let found = self.find_name(&ask.name).await?;
        if let Some(to) = to {
            self.check_place(&found, to)?;
        }
        let name = Name::from(ask.name.as_str());
        match self.node.clone().post_name(name, to, self.until(end).limit).await? {
            None => Err(refusal(Code::NotFound, format!("no worker is registered as `{}`", ask.name))),
            Some(Err(why)) => Err(self.unmovable(&found, to, why)),
            Some(Ok(())) => {
                let to = to.map(|to| to.to_string()).unwrap_or_default();
                tracing::info!(node = %self.node.id(), name = ask.name, to, "an operator has moved a name");
                self.until(end).locate(&ask.name).await
            }
        }
    }

    /// Says in words why a worker cannot live on a node. The directory looks once more.
    fn check_place(&self, found: &Found, to: NodeId) -> Result<(), Refusal> {
        let view = self.view();
        let Some(profile) = view.get(&to).map(|member| &member.profile) else {
            return Err(refusal(Code::NotFound, format!("{to} is no member any more")));
        };
        let kind = self.kind(&found.location.worker);
        // Of a type that this node does not have, the owner says whether another node has it.
        let told = to == self.node.id() || self.node.kinds.iter().any(|entry| entry.kind == kind);
        let knows = !told || profile.abilities.iter().any(|ability| Ability(*ability).version(kind).is_some());
        let problem = if profile.leaving {
            "it is leaving".to_owned()
        } else if profile.weight == 0 {
            "it takes no workers: it is drained (`swarmctl undrain`), or has no lease yet".to_owned()
        } else if !knows {
            format!("it does not know the worker type `{}`", found.location.worker)
        } else {
            return Ok(());
        };
        Err(refusal(Code::Refused, format!("it cannot live on {to}: {problem}")))
    }

    fn unmovable(&self, found: &Found, to: Option<NodeId>, why: Unmovable) -> Refusal {
        let host = found.location.node;
        let text = match why {
            Unmovable::Local => format!(
                "it was registered as an instance on {host}, which nothing can make elsewhere: it ends with its node, or by `swarmctl unregister`"
            ),
            Unmovable::Pinned => format!(
                "its worker has said that it stays on {host} (Handoff::Ignore): only when that node leaves it has to go, and then without its state"
            ),
            Unmovable::Unfit => {
                let to = to.map(|to| to.to_string()).unwrap_or_default();
                format!(
                    "it cannot live on {to}: in the eyes of {}, which decides about it, that is no member, leaves, takes no workers, or has \
                     another version of `{}`",
                    found.owner, found.location.worker
                )
            }
        };
        refusal(Code::Refused, text)
    }

    pub(super) async fn restart(&self, ask: Restart) -> Result<Restarted, Refusal> {
        let end = self.node.now() + self.limit;
        let host = self.find_name(&ask.name).await?.location.node;
        let mut why = if ask.why.is_empty() { "an operator wants it".to_owned() } else { ask.why };
        why.truncate(why.floor_char_boundary(WHY_BYTES_MAX));
        let inquiry = Inquiry::Restart(Name::from(ask.name.as_str()), why);
        match self.until(end).ask_one(host, inquiry).await?.and_then(Facts::restarted) {
            Some(Some(Ok(()))) => Ok(Restarted { name: ask.name, node: host.to_string() }),
            Some(Some(Err(why))) => Err(refusal(Code::Refused, format!("`{}` is not started again: {why}", ask.name))),
            Some(None) => {
                Err(refusal(Code::Refused, format!("`{}` is not on {host} any more: it moves; ask again", ask.name)))
            }
            None => {
                let text = format!(
                    "{host} has not said in time that `{}` is started again. It is as soon as its message in hand is over: `swarmctl describe` \
                     says whether one is",
                    ask.name
                );
                Err(refusal(Code::Timeout, text))
            }
        }
    }

    pub(super) async fn rebalance(&self) -> Result<Rebalanced, Refusal> {
        let all: BTreeSet<NodeId> = self.view().keys().copied().collect();
        let said = self.ask(all.clone(), Inquiry::Rebalance).await?;
        tracing::info!(node = %self.node.id(), "an operator wants every name where the ring wants it");
        let (told, silent): (Vec<_>, Vec<_>) = all.into_iter().partition(|node| said.contains_key(node));
        let texts = |nodes: Vec<NodeId>| nodes.iter().map(NodeId::to_string).collect();
        Ok(Rebalanced { nodes: texts(told), silent: texts(silent) })
    }
}

impl Sight {
    pub(super) async fn keys(&self) -> Result<Keyrings, Refusal> {
        let view = self.view();
        let said = self.ask(view.keys().copied().collect(), Inquiry::Node).await?;
        let keys = |node: &NodeId| NodeKeys {
            node: node.to_string(),
            here: *node == self.node.id(),
            answered: said.contains_key(node),
            keys: said.get(node).map(|said| said.keys.clone()).unwrap_or_default(),
        };
        Ok(Keyrings { nodes: view.keys().map(keys).collect() })
    }

    pub(super) fn add_key(&self, ask: NewKey) -> Result<KeyChange, Refusal> {
        let id = self.keyring()?.add(Secret::from(ask.secret))?;
        Ok(self.changed(id, "an operator has added a key"))
    }

    pub(super) async fn use_key(&self, ask: OfKey) -> Result<KeyChange, Refusal> {
        let id = self.key(&ask.id)?;
        // Who does not understand it yet would be lost.
        let without = self.nodes_where(|keys| !keys.keys.contains(&id.to_string())).await?;
        if !without.is_empty() {
            let text = format!(
                "{without} would not understand key {id}: add it there first, or wait until they are members no more"
            );
            return Err(refusal(Code::Refused, text));
        }
        self.keyring()?.use_key(id)?;
        Ok(self.changed(id, "an operator has this key used"))
    }

    pub(super) async fn remove_key(&self, ask: OfKey) -> Result<KeyChange, Refusal> {
        let id = self.key(&ask.id)?;
        let users = self.nodes_where(|keys| !keys.answered || keys.keys.first() == Some(&id.to_string())).await?;
        if !users.is_empty() {
            let text =
                format!("{users} may still encrypt with key {id}: have another used there first (`swarmctl keys use`)");
            return Err(refusal(Code::Refused, text));
        }
        self.keyring()?.remove(id)?;
        Ok(self.changed(id, "an operator has removed a key"))
    }

    /// The nodes of whose keys this is true, for people; nothing if there are none.
    async fn nodes_where(&self, of: impl Fn(&NodeKeys) -> bool) -> Result<String, Refusal> {
        let nodes = self.keys().await?.nodes;
        Ok(nodes.into_iter().filter(|keys| of(keys)).map(|keys| keys.node).collect::<Vec<_>>().join(", "))
    }

    fn keyring(&self) -> Result<&Keyring, Refusal> {
        Ok(self.node.keys.as_ref().ok_or(SecretError::Without)?)
    }

    /// The key of this node that is meant by a text.
    fn key(&self, text: &str) -> Result<KeyId, Refusal> {
        let ids = self.keyring()?.ids();
        let meant: Vec<KeyId> =
            ids.iter().copied().filter(|id| !text.is_empty() && id.to_string().starts_with(text)).collect();
        if let [id] = meant[..] {
            return Ok(id);
        }
        let known = ids.iter().map(KeyId::to_string).collect::<Vec<_>>().join(", ");
        Err(refusal(Code::NotFound, format!("`{text}` is no key of {}: it has {known}", self.node.id())))
    }

    fn changed(&self, id: KeyId, what: &str) -> KeyChange {
        tracing::info!(node = %self.node.id(), key = %id, "{what}");
        let keys = self.node.keys.iter().flat_map(Keyring::ids).map(|id| id.to_string()).collect();
        let now = NodeKeys { node: self.node.id().to_string(), here: true, answered: true, keys };
        KeyChange { id: id.to_string(), now }
    }
}

impl From<SecretError> for Refusal {
    fn from(error: SecretError) -> Self {
        let code = match &error {
            SecretError::Without => Code::Unsupported,
            SecretError::Unknown { .. } => Code::NotFound,
            SecretError::TooShort { .. } => Code::Malformed,
            SecretError::TooMany { .. } | SecretError::InUse { .. } => Code::Refused,
            // Those of files no node says to an operator; the error is another crate's, which may add to it.
            SecretError::File { .. } | SecretError::FileMode { .. } | SecretError::Both { .. } | _ => Code::Refused,
        };
        refusal(code, error.to_string())
    }
}
