//! Names may be any text.

use serde_json::json;

use super::client::{delete, get, post, put, worker};
use super::fixture::{AccountClient, at, one, pair};

#[tokio::test(flavor = "multi_thread")]
async fn any_text_is_a_name() {
    let nodes = pair("http-names").await;
    let addr = at(&nodes[0]);
    for name in [
        "page/42",
        "a/b/c",
        "/",
        "//",
        " ",
        "%",
        "%2F",
        "a+b",
        "a?b=c&d",
        "#x",
        "ümläut",
        "日本",
        "🦀",
        "a\u{0}b\n",
        ".",
        "..",
        "\"\\",
        ":;@",
    ] {
        let registered = put(&worker(name, ""), json!({"kind": "Account", "init": {"opening": 1}})).send(addr).await;
        assert_eq!((registered.status, &registered.json()["name"]), (201, &json!(name)));
        assert_eq!(AccountClient::at(name).on(&nodes[1]).deposit(1).await, Ok(2), "{name:?} is what others call it");
        assert_eq!(post(&worker(name, "balance"), json!({})).send(addr).await.json(), json!(2));
        // The path that it was told leads to it.
        assert_eq!(get(registered.field("location")).send(addr).await.json()["name"], json!(name));
        assert_eq!(delete(&worker(name, "")).send(addr).await.status, 204);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_too_long_is_refused() {
    let (node, addr) = one("http-long").await;
    let (fits, long) = ("x".repeat(1024), "x".repeat(1025));
    let registration = || json!({"kind": "Account", "init": {"opening": 1}});
    assert_eq!(put(&worker(&fits, ""), registration()).send(addr).await.status, 201);
    assert_eq!(post(&worker(&fits, "balance"), json!({})).send(addr).await.json(), json!(1));
    put(&worker(&long, ""), registration()).send(addr).await.problem(414, "name_too_long");
    post(&worker(&long, "balance"), json!({})).send(addr).await.problem(404, "not_registered");
    get(&worker(&long, "")).send(addr).await.problem(404, "not_registered");
    drop(node);
}
