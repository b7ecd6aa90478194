//! A chat: every room is a worker that remembers its last lines, every guest a worker of its own terminal, and
//! the guests of a room are a keyed group. In two terminals: `cargo run -p examples --bin chat -- lobby ada`,
//! `... -- lobby bob`.

use std::collections::VecDeque;
use std::io::BufRead;
use std::process::ExitCode;

use swarm::prelude::*;
use tokio::sync::mpsc;

/// Lines that a room remembers for those who come later.
const REMEMBERED_MAX: usize = 20;

/// One line of a room.
#[swarm::message]
#[derive(Clone)]
struct Line {
    from: String,
    words: String,
}

/// A room: it orders the lines and remembers the last of them, wherever it runs.
#[swarm::message]
struct Room {
    lines: VecDeque<Line>,
}

#[swarm::worker(state = Self)]
impl Room {
    #[init]
    fn init() -> Self {
        Self { lines: VecDeque::new() }
    }

    /// Remembers a line and hands it to every guest, wherever they are.
    #[call(Line)]
    async fn say(&mut self, ctx: &Context<Self>, line: Line) -> u64 {
        self.lines.push_back(line.clone());
        if self.lines.len() > REMEMBERED_MAX {
            self.lines.pop_front();
        }
        let guests = ctx.swarm().group::<Guests>().key(ctx.name());
        guests.publish(line).await.map_or(0, |heard| heard as u64)
    }

    #[call]
    fn remembered(&self) -> Vec<Line> {
        self.lines.iter().cloned().collect()
    }
}

/// A guest: it stays with its terminal, so it is registered as a local instance and never moves.
struct Guest;

#[swarm::worker]
impl Guest {
    #[init]
    fn init() -> Self {
        Self
    }

    #[cast(Line)]
    fn hear(&mut self, line: Line) {
        println!("{}: {}", line.from, line.words);
    }
}

/// The guests of a room; its key is the room's name.
#[derive(swarm::Group)]
#[group(worker = Guest)]
struct Guests;

#[tokio::main]
async fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let (Some(room), Some(guest)) = (words.next(), words.next()) else {
        eprintln!("usage: chat ROOM NAME");
        return ExitCode::from(2);
    };
    match chat(&room, guest).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chat: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn chat(room: &str, guest: String) -> Result<(), Box<dyn std::error::Error>> {
    let room = format!("room/{room}");
    let me = format!("{room}/{guest}");

    let swarm = Swarm::builder().cluster("chat").bind("127.0.0.1:0").discovery(Multicast::default()).start().await?;
    RoomClient::whereis_or_register(&room, ()).await?;
    GuestClient::register_local(&me, Guest).await?;
    for line in RoomClient::at(&room).remembered().await? {
        println!("{}: {}", line.from, line.words);
    }
    swarm.group::<Guests>().key(&room).join(&me).await?;
    println!("you are {me} on {}; an empty line ends it", swarm.node());

    let mut typed = typed_lines();
    while let Some(words) = typed.recv().await.filter(|words| !words.is_empty()) {
        RoomClient::call(&room, Line { from: guest.clone(), words }).await?;
    }
    swarm.leave().await?;
    Ok(())
}

/// The lines of the terminal, read by a thread, since such a read cannot be cancelled.
fn typed_lines() -> mpsc::Receiver<String> {
    let (typed, lines) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if typed.blocking_send(line).is_err() {
                break;
            }
        }
    });
    lines
}
