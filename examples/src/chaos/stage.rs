//! Owns everything that a scenario acts on: the nodes, the callers, the network between them, and what is shown. Never decides
//! what happens.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::task::JoinHandle;

use super::figures::Figures;
use super::options::{Crowd, Options};
use super::party::Party;
use super::place::{Address, Place};
use super::resources::Resources;
use super::run::{Trouble, Unsupported};
use crate::fleet::board::{Board, Host, Phase, Reading};
use crate::fleet::cluster::{Cluster, Launch, Number};
use crate::fleet::network::Network;
use crate::fleet::private::{Logs, Private};
use crate::fleet::screen::Screen;

/// What the cluster is awaited to do takes a second or a few; this is for a machine that is busy with something else.
const WITHIN: Duration = Duration::from_secs(60);
/// The pause between two looks at the readings: longer than that between two readings.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Nobody moved between this many looks.
const LOOKS_AT_REST: usize = 4;
/// How often it is looked whether all nodes see each other.
const FOUND_LOOK: Duration = Duration::from_millis(10);
/// A node is not shown any more when it has ended and this many came after it.
const SHOWN_ENDED: usize = 2;

/// How a stage is set.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// How many nodes there are in the beginning.
    pub nodes: usize,
    /// How many callers' processes.
    pub parties: usize,
    /// Whether every process has a network namespace of its own.
    pub network: bool,
    /// Whether some books are slow and some never move.
    pub odd: bool,
    /// Whether two sides of the network may go on.
    pub sides: bool,
    /// How long a node may take to leave, if that is not to be the usual time.
    pub leave_within_ms: Option<u64>,
}

/// The stage. Everything that it started ends with it.
pub struct Stage {
    /// What is shown and told.
    pub screen: Screen,
    /// The nodes' processes.
    pub cluster: Cluster,
    /// The callers' processes.
    pub parties: Vec<Party>,
    /// The network, if there is one.
    pub network: Option<Network>,
    /// The nodes that should be alive, in the order of their starts.
    pub live: Vec<Number>,
    setting: Setting,
    options: Options,
    private: Private,
    board: Arc<Board>,
    logs: Logs,
    drawing: JoinHandle<()>,
    began: Instant,
    ended: Vec<Number>,
}

/// What is known when it is over.
#[derive(Debug)]
pub struct Outcome {
    /// What the callers counted and the audit found.
    pub figures: Figures,
    /// How long the callers called.
    pub lasted: Duration,
    /// What was found wrong, in words.
    pub wrong: Vec<String>,
}

impl Stage {
    /// Starts the nodes, and the callers' processes, which have registered all books then and begin to call.
    pub async fn set(options: &Options, setting: Setting) -> Result<Self, Trouble> {
        let mut stage = Self::empty(options, setting)?;
        stage.spawn_all().await?;
        for party in 0..setting.parties {
            stage.invite(party).await?;
        }
        stage.until_found().await?;
        let registered = stage.parties[0].ask("register").await?;
        if registered.get("failed") > 0 {
            return Err(stage.failed("not all books could be registered"));
        }
        stage.until_at_rest().await?;
        stage.screen.say(&format!("{} nodes host {} workers", stage.live.len(), options.workers));
        for party in &mut stage.parties {
            party.ask("go").await?;
        }
        stage.began = Instant::now();
        Ok(stage)
    }

    /// A stage with nobody on it.
    pub fn empty(options: &Options, setting: Setting) -> Result<Self, Trouble> {
        let network = if setting.network {
            Some(Network::new(setting.nodes + setting.parties).map_err(Unsupported)?)
        } else {
            None
        };
        let private = Private::draw("chaos");
        let board = Arc::new(Board::default());
        let expected = options.rate as u64 * options.time.as_secs();
        let screen = Screen::new(board.clone(), "calls", usize::try_from(expected).unwrap_or(usize::MAX));
        let logs = Logs::new(private.logs())?;
        let cluster = Cluster::new(Launch::default(), logs.path().to_owned(), board.clone());
        let shown = screen.clone();
        let drawing = tokio::spawn(async move { shown.show().await });
        Ok(Self {
            screen,
            cluster,
            parties: Vec::new(),
            network,
            live: Vec::new(),
            setting,
            options: options.clone(),
            private,
            board,
            logs,
            drawing,
            began: Instant::now(),
            ended: Vec::new(),
        })
    }

    /// Starts all nodes at once and waits until they are up.
    pub async fn spawn_all(&mut self) -> Result<(), Trouble> {
        for node in 1..=self.setting.nodes {
            let launch = self.launch("node", node, Vec::new());
            self.live.push(self.cluster.spawn(&launch)?);
        }
        for node in self.live.clone() {
            self.cluster.until_up(node).await.inspect_err(|_| self.logs.keep())?;
        }
        Ok(())
    }

    /// Starts one node more on the loopback interface, and waits until it is up.
    pub async fn start(&mut self) -> Result<Number, Trouble> {
        let launch = self.launch("node", 1, Vec::new());
        let node = self.cluster.start_as(launch).await.inspect_err(|_| self.logs.keep())?;
        self.live.push(node);
        Ok(node)
    }

    /// Asks a node to leave by SIGTERM and waits until it has ended. Whether its status said that all was moved.
    pub async fn terminate(&mut self, node: Number) -> Result<bool, Trouble> {
        let status = self.cluster.terminate(node).await?;
        self.gone(node);
        Ok(status.success())
    }

    /// Kills a node and tells the callers. What it hosted was noted just before.
    pub async fn kill(&mut self, node: Number) -> Result<(), Trouble> {
        self.locate().await?;
        let host = self.host(node)?;
        self.cluster.kill(node).await?;
        self.gone(node);
        self.tell_lost(&host).await
    }

    /// Notes where every book is, as every party sees it.
    pub async fn locate(&mut self) -> Result<Figures, Trouble> {
        self.ask("locate").await
    }

    /// Tells the callers that a node was lost now, so that they look for its books.
    pub async fn tell_lost(&mut self, host: &Host) -> Result<(), Trouble> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros();
        self.ask(&format!("lost {host} {now}")).await.map(drop)
    }

    /// Asks every party the same; their figures are added up.
    pub async fn ask(&mut self, what: &str) -> Result<Figures, Trouble> {
        let mut all = Figures::default();
        for party in &mut self.parties {
            let figures = party.ask(what).await.inspect_err(|_| self.logs.keep())?;
            all.absorb(&figures, |name| name.ends_with("_us"));
        }
        Ok(all)
    }

    /// Ends the load, waits until nothing moves, and compares the books with what was acknowledged.
    pub async fn conclude(&mut self) -> Result<Outcome, Trouble> {
        let lasted = self.began.elapsed();
        let mut figures = self.ask("stop").await?;
        self.screen.say("the load has ended");
        self.until_at_rest().await?;
        let audit = self.ask("audit").await?;
        figures.absorb(&audit, |_| false);
        // Every party reads all books, and finds the same ones united.
        figures.set("united", audit.get("united") / self.parties.len().max(1) as u64);
        self.drawing.abort();
        self.screen.finish();
        let wrong = self.parties.iter().flat_map(Party::wrong).collect();
        Ok(Outcome { figures, lasted, wrong })
    }

    /// Leaves the logs for somebody to read.
    pub fn keep_logs(&mut self) {
        self.logs.keep();
    }

    /// How long the callers have called.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Who a node is to the cluster.
    pub fn host(&self, node: Number) -> Result<Host, Trouble> {
        Ok(self.cluster.host(node).ok_or("a node that serves has said who it is")?.clone())
    }

    /// What a node said last of itself.
    pub fn reading(&self, node: Number) -> Reading {
        self.board.rows().get(&node.get()).map(|row| row.reading).unwrap_or_default()
    }

    /// What a node said last beside its readings.
    pub fn said(&self, node: Number) -> Option<String> {
        self.board.rows().get(&node.get()).and_then(|row| row.said.clone())
    }

    /// Shows where a node is in its life.
    pub fn show(&self, node: Number, phase: Phase) {
        self.board.set_phase(node.get(), phase);
    }

    /// What all processes take of the machine. The callers' memory is the campaign's own history, which grows.
    pub fn resources(&self) -> Result<Resources, Trouble> {
        let rows = self.board.rows();
        let tasks = self.rows().iter().filter_map(|row| Some(rows.get(row)?.reading.tasks)).sum();
        let nodes = Resources::of(self.live.iter().filter_map(|node| self.cluster.pid(*node)), tasks)?;
        let parties = Resources::of(self.parties.iter().filter_map(Party::pid), 0)?;
        Ok(Resources { files: nodes.files + parties.files, threads: nodes.threads + parties.threads, ..nodes })
    }

    /// Waits until every process sees all that should be alive, and nobody else. How long that took.
    pub async fn until_found(&mut self) -> Result<Duration, Trouble> {
        let began = Instant::now();
        while !self.sees_all(&self.rows()) {
            if began.elapsed() > WITHIN {
                return Err(self.failed("the processes do not see each other"));
            }
            tokio::time::sleep(FOUND_LOOK).await;
        }
        Ok(began.elapsed())
    }

    /// Waits until every process sees all others, every book is there once, and none has moved for a while. When that was so
    /// for the first time, from now.
    pub async fn until_at_rest(&mut self) -> Result<Duration, Trouble> {
        let began = Instant::now();
        let (mut before, mut looks, mut since) = (Vec::new(), 0, Duration::ZERO);
        while looks < LOOKS_AT_REST {
            if began.elapsed() > WITHIN {
                return Err(self.failed("the cluster does not come to rest"));
            }
            tokio::time::sleep(LOOK_EVERY).await;
            let now: Vec<_> = self.live.iter().map(|node| self.reading(*node)).collect();
            let moved = |reading: &Reading| (reading.workers, reading.arrived, reading.departed);
            let hosted: u64 = now.iter().map(|reading| reading.workers).sum();
            let rests = self.sees_all(&self.rows())
                && hosted == self.options.workers as u64
                && now.iter().map(moved).eq(before.iter().map(moved));
            looks = if rests { looks + 1 } else { 0 };
            if looks == 1 {
                since = began.elapsed();
            }
            before = now;
        }
        Ok(since)
    }

    /// The trouble that something did not come, with where to look.
    pub fn failed(&mut self, what: &str) -> Trouble {
        self.logs.keep();
        let rows = self.board.rows();
        let seen = self.rows().into_iter().filter_map(|row| {
            let reading = rows.get(&row)?.reading;
            Some(format!("{row}: {} members, {} workers", reading.members, reading.workers))
        });
        format!("{what} (should be {}): {}", self.rows().len(), seen.collect::<Vec<_>>().join("; ")).into()
    }

    fn sees_all(&self, of: &BTreeSet<usize>) -> bool {
        let rows = self.board.rows();
        let all = self.rows().len() as u64;
        of.iter().all(|row| rows.get(row).is_some_and(|row| row.reading.members == all))
    }

    /// The rows of all processes that should be alive.
    fn rows(&self) -> BTreeSet<usize> {
        self.live.iter().map(|node| node.get()).chain(self.parties.iter().map(Party::row)).collect()
    }

    async fn invite(&mut self, party: usize) -> Result<(), Trouble> {
        let parties = self.setting.parties;
        let crowd = Crowd {
            party: party as u32,
            books: self.options.workers,
            callers: (self.options.callers / parties).max(1),
            rate: (self.options.rate / parties).max(1),
            odd: self.setting.odd,
            sides: self.setting.sides,
        };
        let launch = self.launch("callers", self.setting.nodes + party + 1, crowd.words());
        self.parties.push(Party::start(&launch, party, self.logs.path(), &self.board).await?);
        Ok(())
    }

    fn launch(&self, what: &str, at: usize, more: Vec<String>) -> Launch {
        let address = match &self.network {
            Some(network) => Address::Own(network.ipv4(at)),
            None => Address::Loopback(self.private.beacon_port),
        };
        let place =
            Place { cluster: self.private.cluster.clone(), address, leave_within_ms: self.setting.leave_within_ms };
        let words = [vec![what.to_owned()], place.words(), more].concat();
        Launch::new(words).inside(self.network.as_ref().map(|network| network.namespace(at)))
    }

    fn gone(&mut self, node: Number) {
        self.live.retain(|live| *live != node);
        self.ended.push(node);
        if self.ended.len() > SHOWN_ENDED {
            self.board.remove(self.ended.remove(0).get());
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.drawing.abort();
    }
}
