//! Programs and nodes of other versions of the service.

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::pin::Pin;

use serde::de::{DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use swarm::prelude::*;
use swarm::remote::Client;
use swarm::{Message, Schema, Wire, Worker};
use tarpc::client::Config as Dispatching;
use tarpc::context;
use tarpc::tokio_util::bytes::BytesMut;
use tarpc::tokio_util::codec::{Framed, LengthDelimitedCodec};
use tokio::net::{TcpListener, TcpStream};

use super::fixture::{Account, AccountClient, account, builder, gateway};

/// MessagePack, as a program writes and reads it that was built with nothing of this crate.
struct Packed<Item, SinkItem>(PhantomData<fn(SinkItem) -> Item>);

impl<Item: DeserializeOwned, SinkItem> tarpc::tokio_serde::Deserializer<Item> for Packed<Item, SinkItem> {
    type Error = io::Error;

    fn deserialize(self: Pin<&mut Self>, frame: &BytesMut) -> io::Result<Item> {
        rmp_serde::from_slice(frame).map_err(io::Error::other)
    }
}

impl<Item, SinkItem: Serialize> tarpc::tokio_serde::Serializer<SinkItem> for Packed<Item, SinkItem> {
    type Error = io::Error;

    fn serialize(self: Pin<&mut Self>, item: &SinkItem) -> io::Result<tarpc::tokio_util::bytes::Bytes> {
        rmp_serde::to_vec_named(item).map(Into::into).map_err(io::Error::other)
    }
}

/// Bytes, written as MessagePack writes bytes.
#[derive(Debug, Default, PartialEq)]
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Read)
    }
}

/// The service as a program of an earlier version knows it: fewer methods, fewer fields, fewer words. Never to be changed:
/// programs that were built with it are out there.
mod earlier {
    use super::{Bytes, Deserialize, Serialize};

    #[derive(Debug, Serialize, Deserialize)]
    pub(super) struct Hello {
        pub(super) version: u32,
    }

    #[derive(Debug, Serialize, Deserialize)]
    pub(super) struct Welcome {
        pub(super) version: u32,
        pub(super) oldest: u32,
        pub(super) node: Node,
    }

    #[derive(Debug, Serialize, Deserialize)]
    pub(super) struct Node {
        pub(super) addr: String,
        pub(super) boot: u64,
    }

    #[derive(Debug, Serialize, Deserialize)]
    pub(super) struct Registration {
        pub(super) name: String,
        pub(super) kind: u64,
        pub(super) schema: u32,
        pub(super) args: Bytes,
    }

    #[derive(Debug, Serialize, Deserialize)]
    pub(super) struct Place {
        pub(super) node: Node,
        pub(super) worker: String,
    }

    #[derive(Debug, Serialize, Deserialize)]
    pub(super) struct Sent {
        pub(super) name: String,
        pub(super) kind: u64,
        pub(super) message: u64,
        pub(super) fingerprint: u32,
        pub(super) payload: Bytes,
    }

    #[derive(Debug, Serialize, Deserialize)]
    pub(super) struct Reply {
        pub(super) payload: Bytes,
    }

    #[derive(Debug, Serialize, Deserialize)]
    pub(super) struct Failure {
        pub(super) code: Code,
        pub(super) ran: String,
        pub(super) text: String,
    }

    /// One word of those that there are, and all others.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub(super) enum Code {
        NotRegistered,
        #[serde(other)]
        Unknown,
    }

    #[tarpc::service]
    pub(super) trait Gateway {
        async fn hello(ask: Hello) -> Welcome;
        async fn register(ask: Registration) -> Result<Place, Failure>;
        async fn call(ask: Sent) -> Result<Reply, Failure>;
    }
}

fn bytes<T: Wire>(value: &T) -> Bytes {
    Bytes(swarm::message::encode(value).to_vec())
}

/// The fingerprint of a call, as it stands in a request.
fn fingerprint<M: Message, R: Schema>() -> u32 {
    M::FINGERPRINT.with(R::FINGERPRINT).0 as u32
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_of_an_earlier_version_is_understood_and_understands() {
    let node = builder("gateway-versions", &[]).start().await.expect("a node starts");
    let stream = TcpStream::connect(gateway(&node)).await.expect("it can be reached");
    let wire = tarpc::serde_transport::new(Framed::new(stream, LengthDelimitedCodec::new()), Packed(PhantomData));
    let client = earlier::GatewayClient::new(Dispatching::default(), wire).spawn();
    let now = context::current;

    let welcome = client.hello(now(), earlier::Hello { version: 1 }).await.expect("it is answered");
    assert!(welcome.oldest <= 1 && welcome.version >= 1);
    let found = (welcome.node.addr, welcome.node.boot);
    assert_eq!(found, (node.node().addr().to_string(), node.node().boot()));

    let ask = earlier::Registration {
        name: "a".to_owned(),
        kind: Account::KIND.0,
        schema: Account::ARGS.0 as u32,
        args: bytes(&5_u64),
    };
    let place = client.register(now(), ask).await.expect("it is answered").expect("the name is free");
    assert_eq!((place.worker.as_str(), place.node.boot), ("Account", node.node().boot()));
    let sent = |name: &str, fingerprint: u32| earlier::Sent {
        name: name.to_owned(),
        kind: Account::KIND.0,
        message: account::Deposit::ID,
        fingerprint,
        payload: bytes(&account::Deposit { cents: 2 }),
    };
    let good = fingerprint::<account::Deposit, u64>();
    let reply = client.call(now(), sent("a", good)).await.expect("it is answered").expect("it is there");
    assert_eq!(reply.payload, bytes(&7_u64));
    let nobody = client.call(now(), sent("b", good)).await.expect("it is answered").expect_err("nobody has it");
    assert_eq!((nobody.code, nobody.ran.as_str()), (earlier::Code::NotRegistered, "no"));
    assert!(nobody.text.contains("no worker is registered as `b`"), "{}", nobody.text);
    let other = client.call(now(), sent("a", good ^ 1)).await.expect("it is answered").expect_err("it is another");
    assert_eq!((other.code, other.ran.as_str()), (earlier::Code::Unknown, "no"));
    // It is the same worker that programs of this version reach.
    let remote = Client::connect([gateway(&node)]).await.expect("it is let in");
    assert_eq!(remote.at::<Account>("a").balance().await, Ok(7));
}

/// The service as a later version may have it: more methods, more fields, more words.
mod later {
    use super::{Bytes, Deserialize, Serialize};

    #[derive(Debug, Serialize, Deserialize)]
    pub(super) struct Hello {
        pub(super) version: u32,
    }

    #[derive(Debug, Default, Serialize, Deserialize)]
    pub(super) struct Welcome {
        pub(super) moon: String,
        pub(super) version: u32,
        pub(super) oldest: u32,
        pub(super) swarm: String,
        pub(super) node: Node,
        pub(super) message_bytes_max: u64,
    }

    #[derive(Debug, Default, Serialize, Deserialize)]
    pub(super) struct Node {
        pub(super) addr: String,
        pub(super) boot: u64,
        pub(super) zone: String,
    }

    #[derive(Debug, Serialize, Deserialize)]
    pub(super) struct Sent {
        pub(super) name: String,
        pub(super) payload: Bytes,
    }

    #[derive(Debug, Serialize, Deserialize)]
    pub(super) struct Reply {
        pub(super) tides: u64,
        pub(super) payload: Bytes,
    }

    #[derive(Debug, Serialize, Deserialize)]
    pub(super) struct Failure {
        pub(super) spell: u8,
        pub(super) code: String,
        pub(super) ran: String,
        pub(super) text: String,
    }

    #[tarpc::service]
    pub(super) trait Gateway {
        async fn enchant(ask: Sent) -> Reply;
        async fn hello(ask: Hello) -> Welcome;
        async fn call(ask: Sent) -> Result<Reply, Failure>;
    }
}

#[derive(Clone, Copy)]
struct Later {
    oldest: u32,
}

impl later::Gateway for Later {
    async fn enchant(self, _: context::Context, ask: later::Sent) -> later::Reply {
        later::Reply { tides: 2, payload: ask.payload }
    }

    async fn hello(self, _: context::Context, _: later::Hello) -> later::Welcome {
        let node = later::Node { addr: "127.0.0.1:9".to_owned(), boot: 9, zone: "north".to_owned() };
        let moon = "full".to_owned();
        later::Welcome { moon, version: 9, oldest: self.oldest, swarm: "4.0".to_owned(), node, message_bytes_max: 1000 }
    }

    async fn call(self, _: context::Context, ask: later::Sent) -> Result<later::Reply, later::Failure> {
        match ask.name.as_str() {
            "good" => Ok(later::Reply { tides: 2, payload: bytes(&7_u64) }),
            ran => Err(later::Failure {
                spell: 3,
                code: "bewitched".to_owned(),
                ran: ran.to_owned(),
                text: "a witch was here".to_owned(),
            }),
        }
    }
}

/// A node of a later version. It serves whoever comes, one after the other.
async fn later_node(oldest: u32) -> String {
    use tarpc::server::{BaseChannel, Channel};

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
    let addr = listener.local_addr().expect("it has an address").to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let wire =
                tarpc::serde_transport::new(Framed::new(stream, LengthDelimitedCodec::new()), Packed(PhantomData));
            let requests = BaseChannel::with_defaults(wire).execute(later::Gateway::serve(Later { oldest }));
            let mut requests = std::pin::pin!(requests);
            while let Some(answer) =
                std::future::poll_fn(|cx| futures_core::Stream::poll_next(requests.as_mut(), cx)).await
            {
                answer.await;
            }
        }
    });
    addr
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_later_node_says_is_understood_as_far_as_it_is_known() {
    let remote = Client::connect([later_node(1).await]).await.expect("it still understands");
    assert_eq!(remote.node().map(|node| node.boot()), Some(9));
    let balance = async |name: &str| AccountClient::at(name).on(&remote).balance().await;
    assert_eq!(balance("good").await, Ok(7));
    for (ran, executed) in
        [("no", Executed::No), ("yes", Executed::Yes), ("maybe", Executed::Maybe), ("half", Executed::Maybe)]
    {
        let error = balance(ran).await.expect_err("it is bewitched");
        assert_eq!(error.executed(), executed, "{error:?}");
        assert!(error.to_string().contains("a witch was here"), "{error}");
    }
    let long = AccountClient::at("good").on(&remote).take(vec![0; 1001]).await.expect_err("it takes less");
    assert!(matches!(long, CallError::TooLarge { limit: 1000, executed: Executed::No, .. }), "{long:?}");
}

/// A node that has given up on programs as old as this one, and something that is no node at all.
#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_understood_is_told_apart() {
    let later = Client::connect([later_node(8).await]).await.expect_err("it is too new");
    let text = later.to_string();
    assert!(
        text.contains("its node (swarm 4.0) speaks versions 8 to 9 of the service, and this program 1 to 1"),
        "{text}"
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
    let addr = listener.local_addr().expect("it has an address").to_string();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a program comes");
        stream.writable().await.expect("it listens");
        stream.try_write(b"220 mail.example.org ESMTP\r\n").expect("there is room for it");
        // It waits for an answer.
        std::future::pending::<()>().await;
    });
    let mail = Client::connect([addr]).await.expect_err("it is no node");
    assert!(mail.to_string().contains("it cannot be understood: is it the address of a gateway"), "{mail}");
}
