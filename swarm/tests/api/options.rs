//! The options of the attributes.

use swarm::prelude::*;
use swarm::{Event, Message, Worker};

use crate::{run, start};

#[swarm::message(name = "bank.wire")]
#[derive(Debug, Clone, PartialEq)]
struct Wired(u64);

struct Plain;

#[swarm::worker(name = "bank.plain", mailbox = 16, restart = temporary, register = manual, module = messages_of_plain, dispatch = "pool")]
impl Plain {
    #[init]
    fn init(ctx: &Context<Self>, first: u64, second: String) -> Self {
        assert_eq!((first, second.as_str(), ctx.name().as_str()), (1, "two", "plain"));
        Self
    }

    #[call(name = "renamed", timeout = "200ms")]
    async fn slow(&self, ms: u64) -> u64 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        ms
    }

    #[call]
    fn on_the_pool(&self) -> bool {
        tokio::runtime::Handle::try_current().is_ok()
    }

    #[cast(Wired)]
    fn wired(&mut self, wired: Wired) {
        assert_eq!(wired.0, 7);
    }

    #[call]
    fn fall(&mut self) {
        panic!("it falls");
    }
}

#[test]
fn options_mean_what_they_say() {
    assert_eq!(Plain::NAME, "bank.plain");
    assert_eq!(Wired::NAME, "bank.wire");
    assert_eq!(messages_of_plain::Slow::NAME, "bank.plain/renamed");
    run(async {
        let unknown = PlainClient::register("plain", (1, "two".to_owned())).await;
        assert!(matches!(unknown, Err(RegisterError::NoCapableNode { .. })), "{unknown:?}");

        let swarm = Swarm::builder()
            .cluster("options")
            .discovery(Seeds::new(Vec::<String>::new()))
            .config(Config::local())
            .worker::<Plain>()
            .start()
            .await
            .expect("a node starts on a free loopback port");
        PlainClient::register("plain", (1, "two".to_owned())).on(&swarm).await.expect("the name is free");
        let plain = swarm.at::<Plain>("plain");
        assert_eq!(plain.slow(1).await, Ok(1));
        let late = plain.slow(2_000).await;
        assert!(
            matches!(late, Err(CallError::Timeout { after, .. }) if after == Duration::from_millis(200)),
            "{late:?}"
        );
        let swarm = std::thread::spawn(move || {
            let pool = swarm.at::<Plain>("plain").on_the_pool().timeout(crate::PATIENCE).wait();
            assert_eq!(pool, Ok(true));
            swarm
        });
        let swarm = tokio::task::spawn_blocking(move || swarm.join()).await;
        let swarm = swarm.expect("it does not panic").expect("it does not panic");
        plain.wired(Wired(7)).expect("there is room");
        let mut events = swarm.events();
        let fallen = plain.fall().await;
        assert!(matches!(fallen, Err(CallError::Panicked { .. })), "{fallen:?}");
        // Temporary: its name is free.
        while !matches!(events.next().await, Some(Event::Ended { name, .. }) if name == "plain") {}
        assert_eq!(swarm.whereis("plain").await, Ok(None));
    });
}

/// Types that contain each other.
#[swarm::message(cycle(Branch))]
#[derive(Debug, Clone, PartialEq)]
struct Tree {
    branches: Vec<Branch>,
}

#[swarm::message(cycle(Tree))]
#[derive(Debug, Clone, PartialEq)]
enum Branch {
    Leaf(std::collections::HashMap<String, (u8, Option<char>, [i16; 3])>),
    Deeper(Box<Tree>),
}

/// Everything that is built in, in one message.
#[swarm::message]
#[derive(Debug, Clone, PartialEq)]
struct BuiltIn {
    integers: (u8, i16, u32, i64, u128),
    floats: (f32, f64),
    truth: bool,
    unit: (),
    texts: Vec<String>,
    queue: std::collections::VecDeque<u64>,
    maps: std::collections::BTreeMap<u8, String>,
    sets: std::collections::BTreeSet<u8>,
    result: Result<u8, String>,
    span: Duration,
    addr: std::net::IpAddr,
    socket: std::net::SocketAddr,
    tree: Tree,
}

struct Mirror;

#[swarm::worker]
impl Mirror {
    #[init]
    fn init() -> Self {
        Self
    }

    #[call]
    fn mirror(&self, all: BuiltIn) -> BuiltIn {
        all
    }
}

#[test]
fn everything_built_in_travels() {
    let leaf = Branch::Leaf([("a".to_owned(), (1, Some('b'), [1, -2, 3]))].into());
    let all = BuiltIn {
        integers: (1, -2, 3, -4, 5),
        floats: (0.5, -0.25),
        truth: true,
        unit: (),
        texts: vec!["a".into()],
        queue: [1, 2].into(),
        maps: [(1, "x".to_owned())].into(),
        sets: [3, 2, 1].into(),
        result: Err("no".into()),
        span: Duration::from_millis(3),
        addr: [127, 0, 0, 1].into(),
        socket: ([127, 0, 0, 1], 9).into(),
        tree: Tree { branches: vec![Branch::Deeper(Box::new(Tree { branches: vec![leaf] }))] },
    };
    let payload = swarm::message::encode(&all);
    assert_eq!(swarm::message::decode::<BuiltIn>(&payload).as_ref(), Ok(&all));
    run(async {
        let swarm = start("built-in").await;
        MirrorClient::register("mirror", ()).on(&swarm).await.expect("the name is free");
        assert_eq!(swarm.at::<Mirror>("mirror").mirror(all.clone()).await, Ok(all));
    });
}
