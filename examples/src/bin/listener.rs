//! What the Readme of Elixir's Swarm shows as `MyApp`: workers that say hi at random intervals, and a listener
//! that starts them, finds them, calls, casts, publishes and multicalls. Start it in several terminals and
//! watch the workers spread.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use swarm::prelude::*;

/// How many workers a listener starts.
const WORKERS: usize = 5;

/// A worker that says hi now and then, and knows how often it did.
#[swarm::message]
struct Greeter {
    said: u64,
}

/// All greeters that want to hear what is published.
#[derive(swarm::Group)]
#[group(worker = Greeter)]
struct Audience;

#[swarm::worker(state = Self)]
impl Greeter {
    #[init]
    async fn init(ctx: &Context<Self>) -> Result<Self, RegistryError> {
        ctx.join::<Audience>().await?;
        ctx.send_after(pause(), greeter::SayHi {});
        Ok(Self { said: 0 })
    }

    #[cast]
    fn say_hi(&mut self, ctx: &Context<Self>) {
        self.said += 1;
        println!("hi from {} on {}, its number {}", ctx.name(), ctx.swarm().node(), self.said);
        ctx.send_after(pause(), greeter::SayHi {});
    }

    #[call]
    fn said(&self) -> u64 {
        self.said
    }

    #[cast]
    fn hear(&mut self, ctx: &Context<Self>, words: String) {
        println!("{} heard: {words}", ctx.name());
    }

    #[die]
    fn die(&mut self, ctx: &Context<Self>, reason: Die) {
        println!("{} ends here: {reason}", ctx.name());
    }
}

/// One to three seconds, as the clock's last digits have it.
fn pause() -> Duration {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().subsec_nanos();
    Duration::from_millis(1_000 + u64::from(nanos / 1_000 % 2_000))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let swarm =
        Swarm::builder().cluster("listener").bind("127.0.0.1:0").discovery(Multicast::default()).start().await?;
    println!("{} listens; end it with Ctrl-C", swarm.node());
    tokio::select! {
        listened = listen(&swarm) => listened,
        _ = tokio::signal::ctrl_c() => Ok(swarm.leave().await?),
    }
}

async fn listen(swarm: &Swarm) -> Result<(), Box<dyn std::error::Error>> {
    // Start. Whichever listener is first registers a name; the others find it.
    for number in 0..WORKERS {
        let at = GreeterClient::whereis_or_register(format!("greeter/{number}"), ()).await?;
        println!("greeter/{number} is a {at}");
    }
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;

        // Find, call and cast by name.
        if let Some(at) = swarm::whereis("greeter/0").await? {
            let said = GreeterClient::call("greeter/0", greeter::Said {}).await?;
            println!("greeter/0 is on {} and said hi {said} times", at.node);
        }
        GreeterClient::cast("greeter/1", greeter::Hear { words: "only you".into() })?;

        // Publish to a group, and ask all of it at once.
        let words = format!("news from {}", swarm.node());
        let heard = swarm::group::<Audience>().publish(greeter::Hear { words }).await?;
        let answers = swarm::group::<Audience>().multicall(greeter::Said {}).await?;
        let total: u64 = answers.iter().filter_map(|(_, said)| said.as_ref().ok()).sum();
        let nodes: BTreeSet<_> =
            swarm::group::<Audience>().members().await?.into_iter().map(|(_, at)| at.node).collect();
        println!("{heard} heard the news; all of them said hi {total} times, on {} nodes", nodes.len());
    }
}
