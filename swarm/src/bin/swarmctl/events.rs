//! `swarmctl events`: what has happened on all nodes, and goes on to happen. Events are written to the standard output, and what is missing among them
//! to the standard error, once.

use std::collections::BTreeSet;
use std::io::{self, Write};

use swarm::admin::{Client, ClusterEvents, Happened, NodeEvent, SinceEach};

use crate::failure::Failure;
use crate::options::Events;
use crate::run::as_json;
use crate::words::{clock, plain};

/// How long a node keeps who waits for events, before it is asked again.
const WAIT_MS: u64 = 20_000;

/// Shows what has happened, and if that is wanted all that happens from then on.
pub(crate) async fn events(client: &Client, events: &Events, json: bool) -> Result<(), Failure> {
    let mut since = SinceEach::default();
    (since.node, since.from) = (events.node.clone(), events.since);
    let mut told = Notices::default();
    loop {
        let answer = client.events(&since).await?;
        told.notice(&answer)?;
        let mut text = String::new();
        for event in &answer.events {
            text.push_str(&if json { as_json(event)? } else { line(event) });
        }
        let mut out = io::stdout();
        out.write_all(text.as_bytes())?;
        out.flush()?;
        if !answer.more && !events.follow {
            return Ok(());
        }
        since.cursors = answer.cursors;
        // What is kept comes first, at once; only then it is worth waiting.
        since.wait_ms = if answer.more { 0 } else { WAIT_MS };
    }
}

/// What was said about nodes whose events are missing.
#[derive(Debug, Default)]
struct Notices {
    silent: BTreeSet<String>,
    unwritten: BTreeSet<String>,
}

impl Notices {
    fn notice(&mut self, answer: &ClusterEvents) -> io::Result<()> {
        let mut err = io::stderr();
        for missed in &answer.missed {
            writeln!(err, "{} has kept {} earlier events no more", plain(&missed.node), missed.count)?;
        }
        let silent: BTreeSet<String> = answer.silent.iter().cloned().collect();
        for node in silent.difference(&self.silent) {
            writeln!(err, "{} does not answer: its events follow when it does", plain(node))?;
        }
        self.silent = silent;
        for node in &answer.unwritten {
            if self.unwritten.insert(node.clone()) {
                writeln!(err, "{} writes no events down: start it with `Builder::admin`", plain(node))?;
            }
        }
        Ok(())
    }
}

fn line(event: &NodeEvent) -> String {
    let text = match &event.row.happened {
        Happened::NodeUp { node } => format!("{node} is up"),
        Happened::NodeLeaving { node } => format!("{node} is leaving"),
        Happened::NodeDown { node, why } => format!("{node} is gone: {why}"),
        Happened::QuorumGained => "there is a quorum".to_owned(),
        Happened::QuorumLost => "the quorum is lost".to_owned(),
        Happened::Started { name, kind, epoch } => format!("{name} ({kind}) runs here, epoch {epoch}"),
        Happened::Moved { name, to } => format!("{name} has moved from here to {to}"),
        Happened::Restarted { name, why } => format!("{name} is started again: {why}"),
        Happened::FailedOver { name } => format!("{name} was started again, its node is lost"),
        Happened::Conflict { name } => format!("{name} ran twice and was merged"),
        Happened::Ended { name, why } => format!("{name} has ended: {why}"),
        Happened::Missed { count } => format!("(the node has missed {count} events)"),
        // What a later node tells.
        Happened::Unknown | _ => "(something that this program is too old to know)".to_owned(),
    };
    format!("{}  {}  {:>5}  {}\n", clock(event.row.at_unix_ms), plain(&event.by), event.row.number, plain(&text))
}
