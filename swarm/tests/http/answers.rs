//! What is asked about one worker and of it, and what is answered; by the node that has it, and by one that has not.

use serde_json::{Value, json};

use super::client::{Request, delete, get, post, put, worker};
use super::fixture::{
    AccountClient, PATIENCE, PlainClient, TOO_RICH, VaultClient, account_on, at, hold, one, pair, trouble_on, until,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_registered_found_and_ended() {
    let nodes = pair("http-life").await;
    let [here, there] = [at(&nodes[0]), at(&nodes[1])];
    let registration = json!({"kind": "Account", "init": {"opening": 5}});
    let created = put("/v1/workers/acct%2F42", registration.clone()).send(here).await;
    assert_eq!((created.status, created.field("location")), (201, "/v1/workers/acct%2F42"), "{created:?}");
    let place = created.json();
    assert_eq!((&place["name"], &place["kind"]), (&json!("acct/42"), &json!("Account")));
    let known = AccountClient::whereis("acct/42").on(&nodes[0]).await.expect("it is answered").expect("it is there");
    assert_eq!((&place["node"], &place["epoch"]), (&json!(known.node.to_string()), &json!(known.epoch.to_string())));

    let taken = put("/v1/workers/acct%2F42", registration.clone()).send(there).await;
    let problem = taken.problem(409, "already_registered");
    assert_eq!(taken.field("location"), "/v1/workers/acct%2F42");
    assert_eq!(
        (&problem["executed"], &problem["kind"], &problem["name"]),
        (&json!(false), &json!("Account"), &json!("acct/42"))
    );
    let found = put("/v1/workers/acct%2F42?existing=take", registration).send(there).await;
    assert_eq!((found.status, found.json()), (200, place.clone()));
    let other = put("/v1/workers/acct%2F42?existing=take", json!({"kind": "Trouble"})).send(there).await;
    assert_eq!(other.problem(409, "wrong_worker")["kind"], json!("Account"));

    for addr in [here, there] {
        let located = get("/v1/workers/acct%2F42").send(addr).await;
        assert_eq!((located.status, located.json()), (200, place.clone()));
    }
    let gone = delete("/v1/workers/acct%2F42").send(there).await;
    assert_eq!((gone.status, gone.body.as_str()), (204, ""));
    get("/v1/workers/acct%2F42").send(here).await.problem(404, "not_registered");
    delete("/v1/workers/acct%2F42").send(here).await.problem(404, "not_registered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_called_and_cast_to_wherever_it_is() {
    let nodes = pair("http-calls").await;
    for host in &nodes {
        let name = account_on(host).await;
        for addr in [at(&nodes[0]), at(&nodes[1])] {
            let start = post(&worker(&name, "balance"), json!({})).send(addr).await.json().as_u64().expect("a number");
            let reply = post(&worker(&name, "deposit"), json!({"cents": 7})).send(addr).await;
            assert_eq!(
                (reply.status, reply.field("content-type"), reply.json()),
                (200, "application/json", json!(start + 7))
            );
            // Who says of which type it is, and who names the message as it is called on the wire, or not at all.
            let reply = post(&worker(&name, "deposit?kind=Account"), json!({"cents": 1})).send(addr).await;
            assert_eq!(reply.json(), json!(start + 8));
            let reply = post(&worker(&name, "Account%2Fdeposit"), json!({"cents": 1})).send(addr).await;
            assert_eq!(reply.json(), json!(start + 9));
            assert_eq!(Request::new("POST", &worker(&name, "balance")).send(addr).await.json(), json!(start + 9));
            assert_eq!(post(&worker(&name, "count"), Value::Null).send(addr).await.json(), json!(start + 9));
            // A reply that says no is a reply.
            let no = post(&worker(&name, "withdraw"), json!({"cents": start + 10})).send(addr).await;
            assert_eq!((no.status, no.json()), (200, json!({"Err": {"by": 1}})));
            let lines = json!([{"cents": 1, "memo": null, "means": ["Cash", {"Card": {"holder": "a"}}, {"Other": "b"}]}, {"cents": 2, "means": []}]);
            let reply = post(&worker(&name, "book"), json!({"lines": lines})).send(addr).await;
            assert_eq!((reply.status, reply.json()), (200, json!(start + 12)));
            // What has no reply, and what none is wanted of. They are in order with what follows.
            let cast = post(&worker(&name, "fee"), json!({"cents": 2})).send(addr).await;
            assert_eq!((cast.status, cast.body.as_str(), cast.field("preference-applied")), (202, "", ""));
            let cast =
                post(&worker(&name, "deposit"), json!({"cents": 5})).field("Prefer", "respond-async").send(addr).await;
            assert_eq!((cast.status, cast.body.as_str(), cast.field("preference-applied")), (202, "", "respond-async"));
            assert_eq!(post(&worker(&name, "balance"), json!({})).send(addr).await.json(), json!(start + 15));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_told_with_its_field() {
    let (node, addr) = one("http-misfit").await;
    AccountClient::register("a", 0).on(&node).await.expect("it starts");
    let check = async |request: Request, status: u16, code: &str, field: Option<&str>| {
        let problem = request.send(addr).await.problem(status, code);
        assert_eq!(
            (&problem["executed"], problem.get("field").and_then(Value::as_str)),
            (&json!(false), field),
            "{problem}"
        );
    };
    let text = |path: &str, text: &str| Request::new("POST", path).json(text);
    check(text("/v1/workers/a/deposit", "{"), 400, "no_json", None).await;
    check(text("/v1/workers/a/deposit", "{\"cents\": 1} 2"), 400, "no_json", None).await;
    check(text("/v1/workers/a/deposit", "\u{feff}{}"), 400, "no_json", None).await;
    check(post("/v1/workers/a/deposit", json!({})), 422, "does_not_fit", None).await;
    check(Request::new("POST", "/v1/workers/a/deposit"), 422, "does_not_fit", None).await;
    check(post("/v1/workers/a/deposit", json!({"cents": -1})), 422, "does_not_fit", Some("cents")).await;
    check(post("/v1/workers/a/deposit", json!({"cents": 1, "dollars": 1})), 422, "does_not_fit", Some("dollars")).await;
    check(post("/v1/workers/a/deposit", json!([1])), 422, "does_not_fit", None).await;
    check(post("/v1/workers/a/deposit", json!(1)), 422, "does_not_fit", None).await;
    let lines = json!({"lines": [{"cents": 1, "means": []}, {"cents": "2", "means": []}]});
    check(post("/v1/workers/a/book", lines), 422, "does_not_fit", Some("lines[1].cents")).await;
    let lines = json!({"lines": [{"cents": 1, "means": [{"Card": {"holder": 7}}]}]});
    check(post("/v1/workers/a/book", lines), 422, "does_not_fit", Some("lines[0].means[0].Card.holder")).await;
    check(
        put("/v1/workers/b", json!({"kind": "Account", "init": {"opening": "5"}})),
        422,
        "does_not_fit",
        Some("init.opening"),
    )
    .await;
    check(put("/v1/workers/b", json!({"kind": "Account"})), 422, "does_not_fit", Some("init")).await;
    check(put("/v1/workers/b", json!({"kind": 7})), 422, "does_not_fit", Some("kind")).await;
    check(put("/v1/workers/b", json!(["Account", {"opening": 5}])), 422, "does_not_fit", None).await;
    let refused = put("/v1/workers/b", json!({"kind": "Account", "init": {"opening": TOO_RICH}})).send(addr).await;
    let problem = refused.problem(422, "init");
    assert!(problem["detail"].as_str().is_some_and(|text| text.contains("too rich")), "{problem}");
    assert_eq!(AccountClient::at("a").on(&node).balance().await, Ok(0), "nothing of it was done");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_or_not_for_all_is_told_so() {
    let (node, addr) = one("http-absent").await;
    AccountClient::register("a", 0).on(&node).await.expect("it starts");
    VaultClient::register("v", ()).on(&node).await.expect("it starts");
    PlainClient::register("p", ()).on(&node).await.expect("it starts");
    let check = async |request: Request, status: u16, code: &str| {
        let problem = request.send(addr).await.problem(status, code);
        assert_eq!(problem["executed"], json!(false), "{problem}");
        problem
    };
    check(post("/v1/workers/nobody/balance", json!({})), 404, "not_registered").await;
    check(post("/v1/workers/nobody/balance?kind=Account", json!({})), 404, "not_registered").await;
    let problem = check(post("/v1/workers/a/close", json!({})), 404, "no_message").await;
    assert!(problem["detail"].as_str().is_some_and(|text| text.contains("balance, deposit")), "{problem}");
    check(post("/v1/workers/a/touch?kind=Trouble", json!({})), 409, "wrong_worker").await;
    for request in [
        post("/v1/workers/v/open", json!({})),
        post("/v1/workers/v/open?kind=Vault", json!({})),
        post("/v1/kinds/Vault/open", json!({})),
        post("/v1/groups/everyone/open?kind=Vault", json!({})),
        post("/v1/workers/a/balance?kind=Nothing", json!({})),
        put("/v1/workers/w", json!({"kind": "Vault"})),
        get("/v1/workers/v"),
        delete("/v1/workers/v"),
    ] {
        check(request, 403, "not_public").await;
    }
    check(post("/v1/groups/everyone/open", json!({})), 404, "no_message").await;
    check(post("/v1/workers/p/touch", json!({})), 403, "not_json").await;
    check(put("/v1/workers/q", json!({"kind": "Plain"})), 403, "not_json").await;
    assert_eq!(VaultClient::at("v").on(&node).touched().await, Ok(0), "nobody has touched it");
    for path in ["/", "/v1", "/v1/workers", "/v1/workers/", "/v1/workers/a/b/c", "/v2/workers/a", "/openapi.json/"] {
        check(get(path), 404, "no_path").await;
    }
    let wrong = Request::new("PATCH", "/v1/workers/a").send(addr).await;
    wrong.problem(405, "method");
    let mut allowed: Vec<_> = wrong.field("allow").split(',').map(str::trim).collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["DELETE", "GET", "HEAD", "PUT"]);
    check(get("/v1/workers/a/balance"), 405, "method").await;
    check(get("/v1/workers/a?existing=take"), 400, "bad_request").await;
    check(put("/v1/workers/a?existing=maybe", json!({"kind": "Account", "init": {"opening": 5}})), 400, "bad_request")
        .await;
    check(get("/v1/workers/%ff"), 400, "bad_request").await;
    for text in ["0", "soon", "-1"] {
        check(get("/v1/workers/a").field("Request-Timeout", text), 400, "bad_request").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_call_says_whether_its_handler_ran() {
    let nodes = pair("http-executed").await;
    for host in &nodes {
        let (addr, name) = (at(&nodes[0]), trouble_on(host).await);
        let problem = post(&worker(&name, "fail"), json!({})).send(addr).await.problem(500, "panicked");
        assert_eq!((&problem["executed"], &problem["node"]), (&json!(true), &json!(host.node().to_string())));
        assert!(problem["detail"].as_str().is_some_and(|text| text.contains("as it was told to")));
        let large = post(&worker(&name, "give"), json!({"bytes": 3 << 20})).send(addr).await.problem(500, "unwritten");
        assert_eq!(large["executed"], json!(true));
        let large =
            post(&worker(&name, "give"), json!({"bytes": 5 << 20})).send(addr).await.problem(500, "large_reply");
        assert_eq!(large["executed"], json!(true));
        // One that has begun, and one that waits behind it.
        let held = format!("executed-{}", host.node());
        let begun = post(&worker(&name, "hold"), json!({"name": held})).field("Request-Timeout", "3");
        let begun = tokio::spawn(begun.send(addr));
        hold(&held).begun(1).await;
        let waits = post(&worker(&name, "touch"), json!({})).field("Request-Timeout", "0.3").send(addr).await;
        let waits = waits.problem(504, "timeout");
        let begun = begun.await.expect("it does not panic").problem(504, "timeout");
        hold(&held).let_go();
        // The one has run. Nobody else can have said so of the other than its own node.
        assert_ne!(begun["executed"], json!(false), "{begun}");
        let touched = post(&worker(&name, "touch"), json!({})).send(addr).await.json().as_u64().expect("a number");
        if touched == 3 {
            assert_ne!(waits["executed"], json!(false), "it ran after all: {waits}");
        } else {
            assert_eq!(touched, 2);
        }
    }
}

/// The time that a request has is the shortest that its head names.
#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_comes_in_the_head() {
    let (node, addr) = one("http-deadline").await;
    let name = trouble_on(&node).await;
    let held = tokio::spawn(post(&worker(&name, "hold"), json!({"name": "deadline"})).send(addr));
    hold("deadline").begun(1).await;
    for (field, value) in [("Request-Timeout", "0.05"), ("X-Envoy-Expected-Rq-Timeout-Ms", "50"), ("Prefer", "wait=1")]
    {
        let late = post(&worker(&name, "touch"), json!({})).field(field, value).send(addr).await;
        late.problem(504, "timeout");
    }
    hold("deadline").let_go();
    assert_eq!(held.await.expect("it does not panic").status, 200);
}

/// Who hangs up gives up the answer, and nothing of it stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_connection_ends_waits_nowhere() {
    let nodes = pair("http-dropped").await;
    let name = trouble_on(&nodes[1]).await;
    let request = post(&worker(&name, "hold"), json!({"name": "dropped"})).field("Request-Timeout", "3600").text();
    let mut stream = tokio::net::TcpStream::connect(at(&nodes[0])).await.expect("it listens");
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.expect("it reads");
    hold("dropped").begun(1).await;
    until("the call is under way", &nodes[0], async || nodes[0].stats().calls_open == 1).await;
    drop(stream);
    until("nobody waits for it", &nodes[0], async || nodes[0].stats().calls_open == 0).await;
    // The handler goes on all the same.
    hold("dropped").let_go();
    let touched = tokio::time::timeout(PATIENCE, post(&worker(&name, "touch"), json!({})).send(at(&nodes[0]))).await;
    assert_eq!(touched.expect("it is answered").json(), json!(2));
}
