//! `swarmctl top`: a screen that one leaves open, of the nodes and the workers that have most to do.
//!
//! | file | owns |
//! |---|---|
//! | `screen` | the terminal, and that it is as it was afterwards |
//! | `keys` | what is typed |
//! | `look` | one look at the cluster, and how often there is one |
//! | `nodes`, `workers` | the rows, their order, and what they were before |
//! | `view` | what is shown: which rows, which one is looked into |
//! | `draw` | how it is drawn |

mod draw;
mod keys;
mod look;
mod nodes;
mod screen;
mod view;
mod workers;

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::interval;

use crate::failure::Failure;
use crate::options::{Options, Top};
use crate::reach::reach;
use keys::{Key, keys};
use look::{Look, Looker};
pub(crate) use nodes::Order;
use screen::Screen;
use view::{After, View};

/// How often the screen is drawn although nothing has happened: its spans grow.
const DRAW_EVERY: Duration = Duration::from_secs(1);

/// How many keys wait while a screen is drawn; what is typed faster is lost.
const KEYS_MAX: usize = 64;

/// Shows the cluster until one has seen enough.
pub(crate) async fn top(options: &Options, top: &Top) -> Result<(), Failure> {
    if options.json {
        return as_json(options, top).await;
    }
    if !(io::stdout().is_terminal() && io::stdin().is_terminal()) {
        let text = "`top` needs a terminal: `swarmctl top --json` writes what it shows, one line at a time";
        return Err(Failure::Usage(text.to_owned()));
    }
    // What can be wrong with the way to the node is said before the screen is taken.
    let client = reach(options).await?;
    let mut view = View::new(client.welcome().cluster.clone(), top.sort);
    let (typed, mut keyboard) = mpsc::channel(KEYS_MAX);
    let (asked, mut looks) = Looker::start(options.clone(), client, top.every);
    let mut screen = Screen::enter()?;
    keys(typed);
    let mut ended = signals()?;
    let mut redraw = interval(DRAW_EVERY);
    loop {
        screen.draw(|frame| draw::draw(frame, &mut view, Instant::now()))?;
        let after = tokio::select! {
            key = keyboard.recv() => match key {
                Some(Key::Resized) => After::Stay,
                Some(key) => view.key(key),
                None => After::Quit,
            },
            look = looks.recv() => match look {
                Some(look) => view.see(look, Instant::now()),
                None => After::Quit,
            },
            () = ended.any() => After::Quit,
            _ = redraw.tick() => After::Stay,
        };
        match after {
            After::Stay => {}
            After::LookInto(worker) => drop(asked.send(worker)),
            After::Quit => return Ok(screen.leave()?),
        }
    }
}

/// The same for programs: one look a line, until nobody reads them any more.
async fn as_json(options: &Options, top: &Top) -> Result<(), Failure> {
    let client = reach(options).await?;
    let (_asked, mut looks) = Looker::start(options.clone(), client, top.every);
    while let Some(look) = looks.recv().await {
        match look {
            Look::Seen { nodes, busiest, .. } => {
                let line = json!({ "nodes": nodes.nodes, "busiest": busiest.workers });
                let mut out = io::stdout();
                writeln!(out, "{line}")?;
                out.flush()?;
            }
            Look::Failed(failure) => return Err(failure),
        }
    }
    Ok(())
}

/// What ends the program from outside.
struct Ended {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 3],
}

#[cfg(unix)]
fn signals() -> io::Result<Ended> {
    use tokio::signal::unix::{SignalKind, signal};
    let all = [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt()].map(signal);
    let [one, two, three] = all;
    Ok(Ended { signals: [one?, two?, three?] })
}

#[cfg(not(unix))]
fn signals() -> io::Result<Ended> {
    Ok(Ended {})
}

impl Ended {
    /// Ends when the program is to.
    #[cfg(unix)]
    async fn any(&mut self) {
        let [terminate, hangup, interrupt] = &mut self.signals;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
            _ = interrupt.recv() => {}
        }
    }

    #[cfg(not(unix))]
    async fn any(&mut self) {
        // If that cannot be heard, a key ends the program.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
