//! What a worker can do from inside: the whole of its context.

use swarm::prelude::*;

use crate::{PATIENCE, run, start};

#[derive(swarm::Group)]
#[group(worker = Inside)]
struct Clocks;

struct Inside {
    ticks: u64,
    rounds: u64,
    timer: Option<swarm::TimerId>,
}

#[swarm::worker]
impl Inside {
    #[init]
    fn init(ctx: &Context<Self>) -> Self {
        ctx.cast_self(inside::Tick).expect("there is room");
        Self { ticks: 0, rounds: 0, timer: None }
    }

    #[call]
    fn about(&self, ctx: &Context<Self>) -> (String, String, u128) {
        assert_eq!(Swarm::current().expect("a worker has a node").node(), ctx.swarm().node());
        (ctx.name().to_string(), ctx.swarm().node().to_string(), u128::from(ctx.epoch()))
    }

    #[call]
    fn deadline_ms(&self, ctx: &Context<Self>) -> Option<u64> {
        let left = ctx.deadline()?.saturating_duration_since(std::time::Instant::now());
        u64::try_from(left.as_millis()).ok()
    }

    #[call]
    fn ticks(&self) -> (u64, u64) {
        (self.ticks, self.rounds)
    }

    #[cast]
    fn tick(&mut self) {
        self.ticks += 1;
    }

    #[cast]
    fn round(&mut self, ctx: &Context<Self>) {
        self.rounds += 1;
        if self.rounds == 3
            && let Some(timer) = self.timer.take()
        {
            assert!(ctx.cancel(timer), "it was armed");
            assert!(!ctx.cancel(timer), "it is none any more");
        }
    }

    #[call]
    fn arm(&mut self, ctx: &Context<Self>) {
        ctx.send_after(Duration::from_millis(1), inside::Tick);
        self.timer = Some(ctx.send_every(Duration::from_millis(1), inside::Round));
        let never = ctx.send_after(PATIENCE * 10, inside::Tick);
        assert!(ctx.cancel(never));
    }

    #[call]
    async fn join(&mut self, ctx: &Context<Self>) -> Result<(), String> {
        ctx.join::<Clocks>().await.map_err(|error| error.to_string())
    }

    #[call]
    async fn leave(&mut self, ctx: &Context<Self>) -> Result<(), String> {
        ctx.leave::<Clocks>().timeout(PATIENCE).await.map_err(|error| error.to_string())
    }

    #[cast]
    fn end(&mut self, ctx: &Context<Self>) {
        ctx.stop();
    }
}

#[test]
fn a_worker_knows_itself_and_its_caller() {
    run(async {
        let swarm = start("context").await;
        InsideClient::register("inside", ()).on(&swarm).await.expect("the name is free");
        let inside = swarm.at::<Inside>("inside");
        let (name, node, epoch) = inside.about().await.expect("it answers");
        assert_eq!((name.as_str(), node), ("inside", swarm.node().to_string()));
        let location = swarm.whereis("inside").await.expect("an answer").expect("it is registered");
        assert_eq!(epoch, u128::from(location.epoch));
        let left = inside.deadline_ms().timeout(Duration::from_secs(60)).await.expect("it answers");
        assert!(left.is_some_and(|ms| (1..=60_000).contains(&ms)), "{left:?}");
        swarm.unregister("inside").await.expect("an answer");
        InsideClient::register("inside", ()).on(&swarm).await.expect("the name is free");
        let (_, _, later) = inside.about().await.expect("it answers");
        assert!(later > epoch, "every later activation has a larger epoch");
    });
}

#[test]
fn timers_send_messages_until_they_are_cancelled() {
    run(async {
        let swarm = start("timers").await;
        InsideClient::register("timed", ()).on(&swarm).await.expect("the name is free");
        let inside = swarm.at::<Inside>("timed");
        inside.arm().await.expect("it answers");
        // From `init` and from `send_after`; and `send_every` until it is taken back, when the next may be queued already.
        let ticked = async {
            while !matches!(inside.ticks().await.expect("it answers"), (2, 3..)) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, ticked).await.expect("the timers fire");
    });
}

#[test]
fn a_worker_joins_and_leaves_by_itself_and_stops() {
    run(async {
        let swarm = start("inside-groups").await;
        let inside = swarm.at::<Inside>("member");
        InsideClient::register("member", ()).on(&swarm).await.expect("the name is free");
        assert_eq!(inside.join().await, Ok(Ok(())));
        assert_eq!(swarm.group::<Clocks>().members().await.expect("an answer").len(), 1);
        assert_eq!(inside.leave().await, Ok(Ok(())));
        assert_eq!(swarm.group::<Clocks>().members().await, Ok(Vec::new()));
        let mut events = swarm.events();
        inside.end().expect("there is room");
        let ended = async {
            while !matches!(events.next().await, Some(swarm::Event::Ended { name, .. }) if name == "member") {}
        };
        tokio::time::timeout(PATIENCE, ended).await.expect("its end is told");
        assert_eq!(swarm.whereis("member").await, Ok(None));
    });
}
