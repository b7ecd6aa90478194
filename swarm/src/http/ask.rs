//! Owns which message of which worker type is meant by the words of a path, and how JSON becomes that message. Never lets through what is
//! not public, or takes no JSON.

use swarm_net::node::NodeId;

use super::hall::{End, Hall};
use super::problem::{Problem, nobody};
use super::sort;
use crate::error::{Executed, Location};
use crate::message::JsonError;
use crate::name::Name;
use crate::registration::Entry;
use crate::runtime::inquiry::{Facts, Inquiry};
use crate::runtime::translating::{Encoded, Text, Why};
use crate::worker::{InitShape, MessageShape, Payload};

/// A message of a worker type.
#[derive(Clone, Copy)]
pub(super) struct Meant {
    pub(super) entry: Entry,
    pub(super) message: &'static MessageShape,
}

impl Meant {
    /// What a text tells.
    pub(super) fn read(&self, text: &[u8]) -> Result<Payload, Problem> {
        let text = or_empty(text);
        (self.message.read)(text).map_err(|error| misfit(text, "", error).kind(self.entry.name))
    }

    /// What stands in the head of its frame, if nobody waits for the reply.
    pub(super) fn fingerprint_of_cast(&self) -> u32 {
        let methods = (self.entry.methods)();
        let method = methods.iter().find(|method| method.id == self.message.id);
        method.expect("each message of a shape is handled by a method of its type").request.cast()
    }
}

impl Hall {
    /// The worker types of this name; more than one only if they are instantiations of a generic one.
    fn kinds_of(&self, kind: &str) -> Result<Vec<Entry>, Problem> {
        let node = self.node.id();
        let entries: Vec<_> = self.node.kinds.iter().filter(|entry| entry.name == kind).copied().collect();
        if entries.is_empty() || entries.iter().any(|entry| !entry.public) {
            let detail = format!(
                "the worker type `{kind}` is not public, as far as {node} knows: mark it `#[swarm::worker(public, json)]` there, or ask from \
                 a member"
            );
            return Err(Problem::new(sort::NOT_PUBLIC, detail).kind(kind));
        }
        if entries.iter().any(|entry| entry.shape.is_none()) {
            let detail = format!("workers of the type `{kind}` take no JSON: mark it `#[swarm::worker(public, json)]`");
            return Err(Problem::new(sort::NOT_JSON, detail).kind(kind));
        }
        Ok(entries)
    }

    /// The only worker type of this name.
    fn kind_of(&self, kind: &str) -> Result<Entry, Problem> {
        match &self.kinds_of(kind)?[..] {
            [only] => Ok(*only),
            several => {
                let detail = format!("{} instantiations of a generic worker type are called `{kind}`", several.len());
                Err(Problem::new(sort::AMBIGUOUS, detail).kind(kind))
            }
        }
    }

    /// A message of the only worker type of this name; `None` if there are several.
    pub(super) fn meant_if_clear(&self, kind: &str, message: &str) -> Result<Option<Meant>, Problem> {
        match &self.kinds_of(kind)?[..] {
            [only] => message_of(*only, message).map(Some),
            _ => Ok(None),
        }
    }

    /// A message of the only worker type of this name.
    pub(super) fn meant(&self, kind: &str, message: &str) -> Result<Meant, Problem> {
        message_of(self.kind_of(kind)?, message)
    }

    /// The message that the members of a group take, whichever worker types they are of.
    pub(super) fn meant_by_all(&self, message: &str) -> Result<Meant, Problem> {
        let public = || self.node.kinds.iter().filter(|entry| entry.public);
        let known = public().filter_map(|entry| Some((*entry, entry.shape?.message(message)?)));
        let mut known: Vec<_> = known.map(|(entry, message)| Meant { entry, message }).collect();
        // A wire name is one message's alone, whoever handles it.
        if let Some(named) = known.iter().find(|meant| meant.message.message == message) {
            known = vec![*named];
        }
        match &known[..] {
            [] => Err(Problem::new(
                sort::NO_MESSAGE,
                format!("no worker type here that is public and takes JSON has a message `{message}`"),
            )),
            [first, rest @ ..] if rest.iter().all(|other| other.message.id == first.message.id) => Ok(*first),
            several => {
                let names: Vec<_> = several.iter().map(|meant| meant.message.message).collect();
                let detail =
                    format!("several messages can be meant, {}: write which, or say `?kind=`", names.join(", "));
                Err(Problem::new(sort::AMBIGUOUS, detail))
            }
        }
    }

    /// What starts a worker of this type, from the JSON of its init arguments.
    pub(super) fn start_of(&self, kind: &str, init: &[u8]) -> Result<(Entry, Payload), Problem> {
        let entry = self.kind_of(kind)?;
        let Some(InitShape { read, .. }) = entry.shape.map(|shape| shape.init) else {
            return Err(Problem::new(sort::NOT_JSON, "it takes no JSON").kind(kind));
        };
        let text = or_empty(init);
        Ok((entry, read(text).map_err(|error| misfit(text, "init", error).kind(kind))?))
    }

    /// Where a name is.
    pub(super) async fn find(&self, name: &Name, end: End) -> Result<Location, Problem> {
        let me = self.node.id();
        let found = self.node.clone().whereis(name.clone(), self.left(end)).await;
        // Nothing was to be done.
        found.map_err(|error| Problem::registry(error, me, Executed::No))?.ok_or_else(|| nobody(name, me))
    }

    /// The same, if whoever has it may be reached.
    pub(super) async fn find_public(&self, name: &Name, end: End) -> Result<Location, Problem> {
        let location = self.find(name, end).await?;
        self.kinds_of(&location.worker).map(|_| location)
    }

    /// The message that a text tells, as the worker's node reads it: this one may have another version of it, or not know which instantiation
    /// of a generic type it is.
    pub(super) async fn read_there(
        &self,
        (name, location): (&Name, &Location),
        (message, cast): (&str, bool),
        text: &[u8],
        end: End,
    ) -> Result<Encoded, Problem> {
        let host = location.node;
        let text = or_empty(text);
        let asked = Text {
            name: name.clone(),
            worker: location.worker.clone(),
            message: message.to_owned(),
            cast,
            json: text.to_vec(),
        };
        match self.ask_one(host, Inquiry::Read(asked), end).await? {
            Some(Facts::Read(read)) => {
                let encoded = read.map_err(|untranslated| {
                    let sort = match untranslated.why {
                        Why::Gone => sort::TIMEOUT,
                        Why::NoJson => sort::NOT_JSON,
                        Why::NoMessage => sort::NO_MESSAGE,
                        Why::Malformed if is_json(text) => sort::DOES_NOT_FIT,
                        Why::Malformed => sort::NO_JSON,
                    };
                    Problem::new(sort, untranslated.text).kind(&location.worker)
                })?;
                // Its name may have passed to another worker in between.
                match self.node.kinds.get(encoded.kind).filter(|entry| entry.public) {
                    Some(_) => Ok(encoded),
                    None => Err(Problem::new(sort::NOT_PUBLIC, "it is of a worker type that is not public here")
                        .kind(&location.worker)),
                }
            }
            Some(
                Facts::Node(_)
                | Facts::Worker(_)
                | Facts::Written(_)
                | Facts::Kind(_)
                | Facts::Restarted(_)
                | Facts::Busiest(_)
                | Facts::CheckUp(_)
                | Facts::Diary(_)
                | Facts::Groups(_)
                | Facts::Events(_)
                | Facts::Clock(_),
            )
            | None => {
                let detail = format!("{host}, which has the worker, has not said in time what the JSON means");
                Err(Problem::new(sort::TIMEOUT, detail).kind(&location.worker))
            }
        }
    }

    /// The text of a reply, as this node writes it, or the one that has read the message.
    pub(super) async fn write(&self, host: Option<NodeId>, reply: Encoded, end: End) -> Result<String, Problem> {
        let unwritten = |problem: &str| {
            let detail = format!("the handler ran, and its reply cannot be told as JSON: {problem}");
            Problem::new(sort::UNWRITTEN, detail).executed(Executed::Yes)
        };
        let written = match (self.node.write_json(&reply), host) {
            (Some(written), _) => Some(written),
            (None, None) => None,
            (None, Some(host)) => match self.ask_one(host, Inquiry::Write(reply), end).await {
                Ok(Some(Facts::Written(written))) => written,
                Ok(
                    Some(
                        Facts::Node(_)
                        | Facts::Worker(_)
                        | Facts::Read(_)
                        | Facts::Kind(_)
                        | Facts::Restarted(_)
                        | Facts::Busiest(_)
                        | Facts::CheckUp(_)
                        | Facts::Diary(_)
                        | Facts::Groups(_)
                        | Facts::Events(_)
                        | Facts::Clock(_),
                    )
                    | None,
                )
                | Err(_) => None,
            },
        };
        match written {
            Some(written) => written.map_err(|problem| unwritten(&problem)),
            None => Err(unwritten("no node that knows its type has answered")),
        }
    }

    async fn ask_one(&self, node: NodeId, inquiry: Inquiry, end: End) -> Result<Option<Facts>, Problem> {
        let due = self.node.now() + self.left(end);
        let facts = self.node.inquire([node].into(), inquiry, due).await;
        let mut facts = facts.map_err(|error| Problem::registry(error, self.node.id(), Executed::No))?;
        Ok(facts.remove(&node))
    }
}

fn message_of(entry: Entry, message: &str) -> Result<Meant, Problem> {
    let shape = entry.shape.and_then(|shape| shape.message(message));
    let message = shape.ok_or_else(|| {
        let known: Vec<_> = entry.shape.iter().flat_map(|shape| shape.messages).map(|shape| shape.method).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let detail = format!("the worker type `{}` has no message `{message}`: it has {known}", entry.name);
        Problem::new(sort::NO_MESSAGE, detail).kind(entry.name)
    })?;
    Ok(Meant { entry, message })
}

/// No body stands for an object without fields.
fn or_empty(text: &[u8]) -> &[u8] {
    if text.is_empty() { b"{}" } else { text }
}

pub(super) fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok()
}

/// What is wrong with a text, whose fields stand below `above`.
pub(super) fn misfit(text: &[u8], above: &str, error: JsonError) -> Problem {
    let detail = error.to_string();
    if !is_json(text) {
        return Problem::new(sort::NO_JSON, detail);
    }
    let field = match (above, error.field.as_str()) {
        ("", field) | (field, "") => field.to_owned(),
        (above, field) => format!("{above}.{field}"),
    };
    Problem::new(sort::DOES_NOT_FIT, detail).field(field)
}
