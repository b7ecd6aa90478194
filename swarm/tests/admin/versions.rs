//! Clients and nodes of other versions of the service.

use std::io;
use std::marker::PhantomData;
use std::pin::Pin;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use swarm::Admin;
use tarpc::client::Config;
use tarpc::context;
use tarpc::tokio_serde::{Deserializer, Serializer};
use tarpc::tokio_util::bytes::{Bytes, BytesMut};
use tarpc::tokio_util::codec::{Framed, LengthDelimitedCodec};
use tokio::net::{UnixListener, UnixStream};

use swarm::admin::{Client, ClientError, Code, Endpoint, EventPage, Happened, Reason, Refusal, Status, Whereabouts};

use super::fixture::{Dir, TallyClient, builder, socket_of};

/// JSON, as a client writes and reads it that was built with nothing of this crate.
struct Json<Item, SinkItem>(PhantomData<fn(SinkItem) -> Item>);

impl<Item: DeserializeOwned, SinkItem> Deserializer<Item> for Json<Item, SinkItem> {
    type Error = io::Error;

    fn deserialize(self: Pin<&mut Self>, frame: &BytesMut) -> io::Result<Item> {
        Ok(serde_json::from_slice(frame)?)
    }
}

impl<Item, SinkItem: Serialize> Serializer<SinkItem> for Json<Item, SinkItem> {
    type Error = io::Error;

    fn serialize(self: Pin<&mut Self>, item: &SinkItem) -> io::Result<Bytes> {
        Ok(serde_json::to_vec(item)?.into())
    }
}

/// The service as a program of an earlier version knows it: fewer methods, fewer fields, fewer words. Never to be changed:
/// programs that were built with it are out there.
mod earlier {
    use super::{Deserialize, Serialize};

    #[derive(Debug, Serialize, Deserialize)]
    pub(super) struct Hello {
        pub(super) version: u32,
    }

    #[derive(Debug, Deserialize, Serialize)]
    pub(super) struct Welcome {
        pub(super) version: u32,
        pub(super) oldest: u32,
        pub(super) node: String,
    }

    #[derive(Debug, Serialize, Deserialize)]
    pub(super) struct Nothing {}

    #[derive(Debug, Deserialize, Serialize)]
    pub(super) struct Status {
        pub(super) nodes: u64,
        pub(super) workers: u64,
    }

    #[derive(Debug, Serialize, Deserialize)]
    pub(super) struct Named {
        pub(super) name: String,
    }

    #[derive(Debug, Deserialize, Serialize)]
    pub(super) struct Place {
        pub(super) node: String,
        pub(super) reason: Reason,
    }

    /// One word of those that there are, and all others.
    #[derive(Debug, PartialEq, Deserialize, Serialize)]
    #[serde(tag = "is", rename_all = "snake_case")]
    pub(super) enum Reason {
        Local,
        #[serde(other)]
        Unknown,
    }

    #[derive(Debug, Deserialize, Serialize)]
    pub(super) struct Refusal {
        pub(super) text: String,
    }

    /// It does not know yet that one may wait for events.
    #[derive(Debug, Serialize, Deserialize)]
    pub(super) struct Since {
        pub(super) cursor: Option<u64>,
    }

    #[derive(Debug, Deserialize, Serialize)]
    pub(super) struct Page {
        pub(super) next: u64,
    }

    #[tarpc::service]
    pub(super) trait Admin {
        async fn hello(ask: Hello) -> Welcome;
        async fn status(ask: Nothing) -> Result<Status, Refusal>;
        async fn locate(ask: Named) -> Result<Place, Refusal>;
        async fn events_since(ask: Since) -> Result<Page, Refusal>;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_an_earlier_version_is_understood_and_understands() {
    let dir = Dir::new();
    let one = builder("versions", &[]).admin(Admin::unix(dir.join("one"))).start().await.expect("a node starts");
    TallyClient::register("tally", ()).on(&one).await.expect("the name is free");
    let stream = UnixStream::connect(socket_of(&one)).await.expect("it can be reached");
    let wire = tarpc::serde_transport::new(Framed::new(stream, LengthDelimitedCodec::new()), Json(PhantomData));
    let client = earlier::AdminClient::new(Config::default(), wire).spawn();

    let welcome = client.hello(context::current(), earlier::Hello { version: 1 }).await.expect("it is answered");
    assert!(welcome.oldest <= 1 && welcome.version >= 1);
    assert_eq!(welcome.node, one.node().to_string());
    let status = client.status(context::current(), earlier::Nothing {}).await.expect("it is answered");
    let status = status.expect("it is not refused");
    assert_eq!((status.nodes, status.workers), (1, 1));
    let ask = |name: &str| earlier::Named { name: name.to_owned() };
    let place =
        client.locate(context::current(), ask("tally")).await.expect("it is answered").expect("it is registered");
    assert_eq!((place.node, place.reason), (one.node().to_string(), earlier::Reason::Unknown));
    let nobody = client.locate(context::current(), ask("nobody")).await.expect("it is answered");
    assert_eq!(nobody.expect_err("nobody has the name").text, "no worker is registered as `nobody`");
    let since = earlier::Since { cursor: Some(u64::MAX) };
    let page = client.events_since(context::current(), since).await.expect("it is answered").expect("not refused");
    assert!(page.next <= 1);
}

/// What a later node may say: fields and words that this version does not know.
#[test]
fn what_a_later_node_says_is_understood_as_far_as_it_is_known() {
    let status: Status =
        serde_json::from_str(r#"{"nodes":3,"moon":"full","stats":{"calls":7,"tides":2}}"#).expect("a status");
    assert_eq!((status.nodes, status.stats.calls), (3, 7));
    let at: Whereabouts =
        serde_json::from_str(r#"{"name":"a","reason":{"is":"enchanted","by":"a witch"}}"#).expect("a place");
    assert_eq!(at.reason, Reason::Unknown);
    let page: EventPage = serde_json::from_str(
        r#"{"events":[{"number":5,"event":"eclipse","of":"the moon"},{"number":6,"event":"ended","name":"a","why":"w","how":"h"}],"next":7}"#,
    )
    .expect("a page");
    let ended = Happened::Ended { name: "a".to_owned(), why: "w".to_owned() };
    assert_eq!(page.events.iter().map(|row| row.happened.clone()).collect::<Vec<_>>(), [Happened::Unknown, ended]);
    let refusal: Refusal = serde_json::from_str(r#"{"code":"bewitched","text":"no"}"#).expect("a refusal");
    assert_eq!((refusal.code, refusal.text.as_str()), (Code::Unknown, "no"));
}

/// A node that has given up on clients as old as this one, and something that is no node at all.
#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_understood_is_told_apart() {
    let dir = Dir::new();
    let path = dir.join("later");
    let listener = UnixListener::bind(&path).expect("a new socket");
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.expect("a client comes");
        let length = stream.read_u32().await.expect("it says something");
        let mut frame = vec![0; length as usize];
        stream.read_exact(&mut frame).await.expect("it says all of it");
        let asked: serde_json::Value = serde_json::from_slice(&frame).expect("it is JSON");
        let id = &asked["Request"]["id"];
        let answer =
            format!(r#"{{"request_id":{id},"message":{{"Ok":{{"Hello":{{"version":9,"oldest":8,"swarm":"4.0"}}}}}}}}"#);
        stream.write_u32(u32::try_from(answer.len()).expect("a short text")).await.expect("it listens");
        stream.write_all(answer.as_bytes()).await.expect("it listens");
        let (mut stream, _) = listener.accept().await.expect("another client comes");
        stream.write_all(b"220 mail.example.org ESMTP\r\n").await.expect("it listens");
    });
    let endpoint = Endpoint::Unix(path);
    let later = Client::connect(&endpoint).await.expect_err("it is too new");
    assert!(matches!(later, ClientError::Foreign { .. }));
    let text = later.to_string();
    assert!(
        text.contains("the node (swarm 4.0) speaks versions 8 to 9 of the service, and this program 1 to 4"),
        "{text}"
    );
    let mail = Client::connect(&endpoint).await.expect_err("it is no node");
    assert!(mail.to_string().contains("it is no node's service for operators"), "{mail}");
}
