//! Owns the process in which callers work: it does what its parent says, a line at a time, and answers each with a line of
//! figures. Never hosts a book, and never outlives its parent.
//!
//! ```text
//! register        registers all books                              locate          notes where every book is
//! go              lets the callers begin                           lost HOST US    HOST was lost at US (since 1970), after that
//! figures         what was counted so far                          stop            ends the callers and the search for names
//! audit           compares all books with what was acknowledged
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use swarm::prelude::*;
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::book::{BookClient, Pages, Temper, book};
use super::caller::{Caller, Notes, Shelf, name, number};
use super::figures::Figures;
use super::history::Audit;
use super::options::Crowd;
use super::place::Place;
use super::probe;
use super::run::Trouble;
use super::tally::Tally;
use crate::fleet::board::Reading;
use crate::fleet::member;

/// How often it tells how many calls were made.
const TELL_EVERY: Duration = Duration::from_millis(200);
/// How many books are registered or read at a time.
const AT_ONCE: usize = 256;
/// How long one registration or reading may take: for a machine that is busy with something else.
const WITHIN: Duration = Duration::from_secs(30);
/// How many callers share a book, if there are enough.
const SHARED_BY: usize = 4;
/// Callers of different processes are told apart by their thousands.
const STREAMS_MAX: u32 = 1_000;

/// Works until the parent lets go.
pub async fn run(place: &Place, crowd: &Crowd) -> Result<(), Trouble> {
    crate::log::to_stderr();
    let swarm = place.member()?.start().await?;
    println!("up {}", swarm.node());
    let mut office = Office {
        shelf: Arc::new(Shelf::new(crowd.books, crowd.odd, crowd.sides)),
        tally: Arc::default(),
        crowd: crowd.clone(),
        hosts: BTreeMap::new(),
        callers: JoinSet::new(),
        probes: JoinSet::new(),
        notes: Vec::new(),
        stop: watch::Sender::new(false),
        swarm,
    };
    let told = tokio::spawn(tell(office.swarm.clone(), office.tally.clone()));
    let mut lines: Lines<BufReader<Stdin>> = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let words: Vec<_> = line.split_whitespace().collect();
        println!("{}", office.obey(&words).await?.line());
    }
    told.abort();
    Ok(())
}

struct Office {
    swarm: Swarm,
    crowd: Crowd,
    shelf: Arc<Shelf>,
    tally: Arc<Tally>,
    /// Where every book was when it was last looked for.
    hosts: BTreeMap<usize, String>,
    callers: JoinSet<Notes>,
    probes: JoinSet<()>,
    notes: Vec<Notes>,
    stop: watch::Sender<bool>,
}

impl Office {
    async fn obey(&mut self, words: &[&str]) -> Result<Figures, Trouble> {
        match *words {
            ["register"] => self.register().await,
            ["go"] => {
                self.go();
                Ok(Figures::default())
            }
            ["figures"] => Ok(self.tally.figures()),
            ["locate"] => self.locate().await,
            ["lost", host, unix_us] => self.lost(host, unix_us.parse()?),
            ["stop"] => self.stop().await,
            ["audit"] => self.audit().await,
            _ => Err(format!("`{}` is not understood", words.join(" ")).into()),
        }
    }

    async fn register(&self) -> Result<Figures, Trouble> {
        let (swarm, shelf) = (self.swarm.clone(), self.shelf.clone());
        let register = move |number: usize| {
            let register = BookClient::whereis_or_register(name(number), shelf.temper(number));
            register.on(&swarm).timeout(WITHIN)
        };
        let mut figures = Figures::default();
        for registered in each(0..self.shelf.len(), move |number| {
            let registered = register(number);
            async move { (number, registered.await) }
        })
        .await?
        {
            if let (number, Err(error)) = registered {
                figures.absorb(&one("failed"), |_| false);
                self.tally.wrong(&format!("{} could not be registered: {error}", name(number)));
            }
        }
        Ok(figures)
    }

    /// Each team of a few callers has its own books, so that every book has several callers, and every caller many books.
    fn go(&mut self) {
        let callers = self.crowd.callers;
        let teams = (callers / SHARED_BY).max(1);
        let pace = Duration::from_secs_f64(callers as f64 / self.crowd.rate as f64);
        for caller in 0..callers {
            let mut books: Vec<_> = (0..self.shelf.len()).skip(caller % teams).step_by(teams).collect();
            // They begin at different books, or a team would go from one to the next together.
            let shift = books.len() * (caller / teams) / SHARED_BY.max(callers / teams);
            books.rotate_left(shift);
            let caller = Caller {
                swarm: self.swarm.clone(),
                shelf: self.shelf.clone(),
                tally: self.tally.clone(),
                stream: self.crowd.party * STREAMS_MAX + caller as u32,
                books,
                pace,
            };
            let stop = self.stop.subscribe();
            self.callers.spawn(caller.run(stop));
        }
    }

    /// Where every book is, as the registry says.
    async fn locate(&mut self) -> Result<Figures, Trouble> {
        let registered = self.swarm.registered().timeout(WITHIN).await?;
        let mut figures = Figures::default();
        figures.set("entries", registered.len() as u64);
        let place = |(name, at): (Name, Location)| Some((number(name.as_str())?, at.node.to_string()));
        self.hosts = registered.into_iter().filter_map(place).collect();
        figures.set("books", self.hosts.len() as u64);
        for (book, host) in &self.hosts {
            figures.absorb(&one(&format!("at.{host}")), |_| false);
            if self.shelf.temper(*book) == Temper::Stuck {
                figures.absorb(&one(&format!("stuck.{host}")), |_| false);
            }
        }
        Ok(figures)
    }

    /// A node was lost with the states of what it hosted: they are looked for until they answer again.
    fn lost(&mut self, host: &str, unix_us: u64) -> Result<Figures, Trouble> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH)?.saturating_sub(Duration::from_micros(unix_us));
        let lost = Instant::now().checked_sub(since).ok_or("the node was lost before this machine began")?;
        let there = self.hosts.iter().filter(|(_, at)| *at == host);
        let books: Vec<_> = there.map(|(book, _)| *book).collect();
        for book in &books {
            self.shelf.watch(*book).doom();
        }
        probe::start(&self.swarm, &self.tally, &books, lost, &mut self.probes);
        let mut figures = Figures::default();
        figures.set("books", books.len() as u64);
        Ok(figures)
    }

    async fn stop(&mut self) -> Result<Figures, Trouble> {
        self.stop.send_replace(true);
        while let Some(notes) = self.callers.join_next().await {
            self.notes.push(notes?);
        }
        while let Some(probed) = self.probes.join_next().await {
            probed?;
        }
        Ok(self.tally.figures())
    }

    async fn audit(&mut self) -> Result<Figures, Trouble> {
        let swarm = self.swarm.clone();
        let read = move |number: usize| {
            let read = BookClient::call(name(number), book::Read {}).on(&swarm).timeout(WITHIN);
            async move { (number, read.await) }
        };
        let mut books = BTreeMap::new();
        let mut figures = Figures::default();
        for (number, pages) in each(0..self.shelf.len(), read).await? {
            match pages {
                Ok(pages) => drop(books.insert(number, pages)),
                // It may be asked to move right now, and never answers that: it waits by intention.
                Err(_) if self.shelf.temper(number) == Temper::Stuck => figures.absorb(&one("stuck_unread"), |_| false),
                Err(error) => {
                    figures.absorb(&one("unread"), |_| false);
                    self.tally.wrong(&format!("{} cannot be read: {error}", name(number)));
                }
            }
        }
        let audit = self.compare(&books);
        figures.set("lost", audit.lost);
        figures.set("gone", audit.gone);
        figures.set("doubled", audit.doubled);
        figures.set("ran_after_all", audit.ran_after_all);
        figures.set("never_ran", audit.never_ran);
        figures.set("united", books.values().filter(|pages| pages.born.len() > 1).count() as u64);
        let losses = (0..self.shelf.len()).map(|number| (number, self.shelf.watch(number).losses()));
        let (mut reborn, mut for_no_reason) = (0, 0);
        for (number, (times, unexplained)) in losses {
            reborn += u64::from(times);
            for_no_reason += u64::from(unexplained);
            // Each side of a network that fell apart begins anew with what was on the other.
            if unexplained > 0 && !self.shelf.sides {
                self.tally.wrong(&format!("{} lost its state though its node was not lost", name(number)));
            }
        }
        figures.set("reborn", reborn);
        figures.set("reborn_for_no_reason", for_no_reason);
        Ok(figures)
    }

    fn compare(&self, books: &BTreeMap<usize, Pages>) -> Audit {
        let mut all = Audit::default();
        for notes in &self.notes {
            for (number, history) in &notes.histories {
                // One that could not be read is counted as that.
                let Some(pages) = books.get(number) else { continue };
                let audit = history.audit(notes.stream, pages);
                if !audit.is_sound() {
                    self.tally.wrong(&format!("{}, caller {}: {audit:?}", name(*number), notes.stream));
                }
                all.absorb(audit);
            }
        }
        all
    }
}

/// Does something for each number, a few at a time.
async fn each<T, F>(numbers: std::ops::Range<usize>, act: impl Fn(usize) -> F) -> Result<Vec<T>, tokio::task::JoinError>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut acts = JoinSet::new();
    for number in numbers {
        let (room, act) = (room.clone(), act(number));
        acts.spawn(async move {
            // It is never closed.
            let _place = room.acquire().await;
            act.await
        });
    }
    let mut done = Vec::new();
    while let Some(one) = acts.join_next().await {
        done.push(one?);
    }
    Ok(done)
}

fn one(name: &str) -> Figures {
    let mut figures = Figures::default();
    figures.set(name, 1);
    figures
}

/// Says how many calls were made and how many failed, as a node says its readings.
async fn tell(swarm: Swarm, tally: Arc<Tally>) {
    let mut every = tokio::time::interval(TELL_EVERY);
    loop {
        every.tick().await;
        let (calls, failed) = tally.calls();
        println!("{}", Reading { calls, ..member::reading(&swarm) }.line());
        println!("failed {failed}");
    }
}
