//! Owns what the service knows of one visitor. Never keeps a session that nobody has used for half an hour.

use serde::Serialize;
use swarm::prelude::*;

/// A session ends after so many minutes in which nobody used it. The cookie says the same.
pub(super) const IDLE_MINUTES_MAX: u32 = 30;
const MINUTE: Duration = Duration::from_secs(60);
/// A session's notes move with it and are shown on one page.
const NOTES_MAX: usize = 100;

/// One visitor's session.
#[swarm::message]
pub struct Session {
    visits: u64,
    notes: Vec<String>,
    idle_minutes: u32,
}

/// What a visitor sees.
#[swarm::message]
#[derive(Debug, Serialize)]
pub struct Page {
    /// How often the session was looked at.
    pub visits: u64,
    /// What was noted.
    pub notes: Vec<String>,
    /// The node that has the session.
    pub hosted_by: String,
}

/// There is no place for another note.
#[swarm::message]
#[derive(Debug, PartialEq, Eq)]
pub struct Full;

#[swarm::worker(name = "web.session", state = Self)] // visits, notes and the idle minutes move with it
impl Session {
    #[init]
    fn init(ctx: &Context<Self>) -> Self {
        ctx.send_every(MINUTE, session::Tick);
        Self { visits: 0, notes: Vec::new(), idle_minutes: 0 }
    }

    #[call]
    fn visit(&mut self, ctx: &Context<Self>) -> Page {
        self.idle_minutes = 0;
        self.visits += 1;
        Page { visits: self.visits, notes: self.notes.clone(), hosted_by: ctx.swarm().node().to_string() }
    }

    #[call]
    fn note(&mut self, text: String) -> Result<(), Full> {
        self.idle_minutes = 0;
        if self.notes.len() == NOTES_MAX {
            return Err(Full);
        }
        self.notes.push(text);
        Ok(())
    }

    #[call]
    fn end(&mut self, ctx: &Context<Self>) {
        ctx.stop();
    }

    #[cast]
    fn tick(&mut self, ctx: &Context<Self>) {
        self.idle_minutes += 1;
        if self.idle_minutes > IDLE_MINUTES_MAX {
            ctx.stop();
        }
    }
}
