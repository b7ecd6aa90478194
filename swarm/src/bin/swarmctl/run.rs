//! Owns what each command does: what it asks, and how it shows the answer.

use std::fmt::Display;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use clap::CommandFactory;
use serde::Serialize;
use serde::de::IgnoredAny;
use swarm::Secret;
use swarm::admin::{Client, Code, Filter, NodeRow, Reason, Row};
use swarm::message::JSON_BYTES_MAX;

use crate::failure::Failure;
use crate::options::{Command, Describe, Drain, Keys, Ls, Message, Move, Options};
use crate::reach::reach;
use crate::words::plain;
use crate::{doctor, events, kind, page, top};

/// How often it is looked whether a node is drained.
const LOOK: Duration = Duration::from_millis(200);

/// The longest secret that is read, with its line's end.
const SECRET_BYTES_MAX: u64 = 4096;

/// Does what the command line says.
pub(crate) async fn run(options: &Options) -> Result<(), Failure> {
    if let Command::Completions { shell } = options.command {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Options::command(), "swarmctl", &mut script);
        return Ok(io::stdout().write_all(&script)?);
    }
    if let Command::Top(top) = &options.command {
        return top::top(options, top).await;
    }
    let (client, json) = (reach(options).await?, options.json);
    match &options.command {
        Command::Status => show(&client.status().await?, json, page::status),
        Command::Nodes => show(&client.nodes().await?, json, page::nodes),
        Command::Top(_) => Ok(()),
        Command::Doctor => doctor::doctor(&client, json).await,
        Command::Ring => show(&client.ring().await?, json, page::ring),
        Command::Ls(ls) => list(&client, ls, json).await,
        Command::Whereis { name } => show(&client.locate(name).await?, json, page::whereabouts),
        Command::Describe(Describe { name, kind }) => match (name, kind) {
            (Some(name), _) => show(&client.describe(name).await?, json, page::worker),
            (None, Some(kind)) => show(&client.kind(kind).await?, json, kind::page),
            (None, None) => Err(Failure::Usage("name a worker, or a worker type by --kind".to_owned())),
        },
        Command::Call(message) => call(&client, message, json).await,
        Command::Cast(message) => cast(&client, message, json).await,
        Command::Unregister { name } => show(&client.unregister(name).await?, json, |gone| {
            format!("{} is unregistered; it was on {}\n", plain(&gone.name), plain(&gone.node))
        }),
        Command::Drain(drain) => self::drain(&client, drain, json).await,
        Command::Undrain { node } => show(&client.undrain(node).await?, json, page::drained),
        Command::Move(order) => self::post(&client, order, json).await,
        Command::Restart { name, why } => show(&client.restart(name, why).await?, json, |again| {
            format!("{} is started again on {}\n", plain(&again.name), plain(&again.node))
        }),
        Command::Rebalance => show(&client.rebalance().await?, json, page::rebalanced),
        Command::Keys { what } => keys(&client, what, json).await,
        Command::Events(events) => events::events(&client, events, json).await,
        Command::Log { directives } => show(&client.log(directives).await?, json, |now| {
            format!("the node logs {} from now on\n", plain(&now.directives))
        }),
        Command::Completions { .. } => Ok(()),
    }
}

fn show<T: Serialize>(answer: &T, json: bool, page: impl FnOnce(&T) -> String) -> Result<(), Failure> {
    let text = if json { as_json(answer)? } else { page(answer) };
    Ok(io::stdout().write_all(text.as_bytes())?)
}

pub(crate) fn as_json<T: Serialize>(answer: &T) -> io::Result<String> {
    Ok(serde_json::to_string(answer)? + "\n")
}

async fn call(client: &Client, message: &Message, json: bool) -> Result<(), Failure> {
    let reply = client.call(&message.name, &message.message, &text(message)?).await.map_err(Failure::message)?;
    // As it came: read and written again, large numbers would not be what they were.
    let text = if json { format!("{{\"reply\":{reply}}}\n") } else { plain(&reply) + "\n" };
    Ok(io::stdout().write_all(text.as_bytes())?)
}

async fn cast(client: &Client, message: &Message, json: bool) -> Result<(), Failure> {
    client.cast(&message.name, &message.message, &text(message)?).await.map_err(Failure::message)?;
    let sent = if json { "{}\n".to_owned() } else { format!("sent to {}\n", plain(&message.name)) };
    Ok(io::stdout().write_all(sent.as_bytes())?)
}

/// The JSON of a message. That it is JSON at all is found out here; whether it is the right one, by the worker's node.
fn text(message: &Message) -> Result<String, Failure> {
    let wrong = |problem: &dyn Display| {
        let example = r#"write an object, as '{"to": "acct/43", "cents": 500}'"#;
        Failure::Usage(format!("this is no JSON: {problem}; {example}"))
    };
    let mut text = message.text.clone();
    if text == "-" {
        text.clear();
        let most = JSON_BYTES_MAX as u64 + 1;
        io::stdin().take(most).read_to_string(&mut text).map_err(|error| wrong(&error))?;
    }
    serde_json::from_str::<IgnoredAny>(&text).map_err(|error| wrong(&error))?;
    Ok(text)
}

async fn list(client: &Client, ls: &Ls, json: bool) -> Result<(), Failure> {
    let mut filter = Filter::default();
    filter.kind.clone_from(&ls.kind);
    filter.node.clone_from(&ls.node);
    filter.prefix.clone_from(&ls.prefix);
    if let Some(group) = &ls.group {
        let (name, key) = group.split_once(':').unwrap_or((group, ""));
        (filter.group, filter.group_key) = (Some(name.to_owned()), key.to_owned());
    }
    let (mut left, mut rows) = (ls.limit.unwrap_or(usize::MAX), Vec::<Row>::new());
    while left > 0 {
        filter.count = u32::try_from(left).unwrap_or(0);
        let mut page = client.list(&filter).await?;
        page.workers.truncate(left);
        left -= page.workers.len();
        if json {
            // As they come: a list may be longer than what one wants to hold.
            let lines: String = page.workers.iter().map(as_json).collect::<io::Result<_>>()?;
            io::stdout().write_all(lines.as_bytes())?;
        } else {
            rows.append(&mut page.workers);
        }
        filter.after = page.next;
        if filter.after.is_none() {
            break;
        }
    }
    if json { Ok(()) } else { Ok(io::stdout().write_all(page::workers(&rows).as_bytes())?) }
}

async fn drain(client: &Client, drain: &Drain, json: bool) -> Result<(), Failure> {
    let mut node = client.drain(&drain.node).await?;
    if !drain.wait {
        return show(&node, json, page::drained);
    }
    let end = Instant::now() + drain.within;
    while !is_empty(&node) {
        if Instant::now() >= end {
            let NodeRow { node, workers, bound, .. } = &node;
            let text = format!(
                "{node} still has {} workers that are to move, after {:?}. They go on moving, unless no other node knows their type: \
                 `swarmctl ls --node {node}` lists them, and `swarmctl whereis NAME` says why one is there",
                workers.saturating_sub(*bound),
                drain.within
            );
            return Err(Failure::Refused(Code::Timeout, text));
        }
        tokio::time::sleep(LOOK).await;
        let nodes = client.nodes().await?.nodes;
        let Some(now) = nodes.into_iter().find(|row| row.node == node.node) else {
            return Err(Failure::Refused(Code::NotFound, format!("{} is no member any more", node.node)));
        };
        node = now;
    }
    show(&node, json, page::drained)
}

async fn post(client: &Client, order: &Move, json: bool) -> Result<(), Failure> {
    let mut at = client.post(&order.name, order.node.as_deref()).await?;
    let end = Instant::now() + order.within;
    while order.wait && !is_settled(&at.reason) {
        if let Reason::Pinned { .. } = at.reason {
            return Err(Failure::Refused(Code::Refused, format!("{} does not move: {}", at.name, at.why)));
        }
        if Instant::now() >= end {
            let text = format!("{} is not there after {:?}: {}", at.name, order.within, at.why);
            return Err(Failure::Refused(Code::Timeout, text));
        }
        tokio::time::sleep(LOOK).await;
        at = client.locate(&order.name).await?;
    }
    show(&at, json, page::whereabouts)
}

/// Whether a worker is where it is to be.
fn is_settled(reason: &Reason) -> bool {
    matches!(reason, Reason::Posted { .. } | Reason::RingOwner | Reason::NextAble | Reason::Local)
}

async fn keys(client: &Client, what: &Keys, json: bool) -> Result<(), Failure> {
    match what {
        Keys::List => show(&client.keys().await?, json, page::keyrings),
        Keys::Add { file } => show(&client.add_key(&secret(file)?).await?, json, page::key_change),
        Keys::Use { id } => show(&client.use_key(id).await?, json, page::key_change),
        Keys::Remove { id } => show(&client.remove_key(id).await?, json, page::key_change),
    }
}

/// The secret in a file, or on the standard input. Never an argument: those are shown by `ps`.
fn secret(file: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    if file == Path::new("-") {
        io::stdin().take(SECRET_BYTES_MAX).read_to_string(&mut text)?;
    } else {
        // Whoever left it open to others is told so.
        Secret::from_file(file).map_err(|error| Failure::Usage(error.to_string()))?;
        text = std::fs::read_to_string(file)?;
    }
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    match (lines.next(), lines.next()) {
        (Some(secret), None) => Ok(secret.to_owned()),
        (None, _) => Err(Failure::Usage("there is no secret: write it on one line".to_owned())),
        (Some(_), Some(_)) => Err(Failure::Usage("there are several secrets: add one after the other".to_owned())),
    }
}

/// Whether all have gone that can.
fn is_empty(node: &NodeRow) -> bool {
    node.answered && node.owns == 0 && node.workers <= node.bound
}
