//! Who is let in, and from where.

use serde_json::json;
use swarm::Dashboard;

use super::client::{Request, ask, login};
use super::fixture::{TOKEN, addr, builder, node, open_node, refused};

#[tokio::test]
async fn without_a_token_there_is_nothing_but_loopback() {
    let start = |dashboard| refused(builder("gate-start", &[]).dashboard(dashboard));
    let text = start(Dashboard::at("0.0.0.0:0")).await;
    assert!(text.contains("set one by .token(..), SWARM_DASHBOARD_TOKEN or a token file"), "{text}");
    let text = start(Dashboard::at("0.0.0.0:0").without_tls()).await;
    assert!(text.contains("nobody is asked for a token"), "{text}");
    let text = start(Dashboard::at("0.0.0.0:0").token(TOKEN)).await;
    assert!(text.contains("would go there unencrypted"), "{text}");
    let text = start(Dashboard::at("127.0.0.1:0").token("short")).await;
    assert!(text.contains("can be guessed"), "{text}");
    let secret = builder("gate-secret", &[]).secret(TOKEN).dashboard(Dashboard::at("127.0.0.1:0").token(TOKEN));
    let text = refused(secret).await;
    assert!(text.contains("is the cluster's secret"), "{text}");
}

#[tokio::test]
async fn who_is_not_logged_in_sees_nothing() {
    let node = node("gate-strangers", &[]).await;
    let page = Request::get(&node, "/").send().await;
    assert_eq!((page.status, page.field("location")), (303, "/login"));
    for path in ["/api/live", "/api/workers", "/api/worker?name=a", "/api/groups", "/nothing"] {
        let answer = Request::get(&node, path).send().await;
        assert_eq!(answer.status, 401, "{path}: {answer:?}");
    }
    for (path, body) in [("/api/drain", json!({"node": "x", "drained": true})), ("/api/move", json!({"name": "a"}))] {
        assert_eq!(Request::change(&node, path, body).send().await.status, 401, "{path}");
    }
    let form = Request::get(&node, "/login").send().await;
    assert!(form.status == 200 && form.body.contains("type=\"password\""), "{form:?}");
    assert_eq!(Request::get(&node, "/assets/style.css").send().await.status, 200);
}

#[tokio::test]
async fn every_answer_tells_browsers_to_trust_nothing_else() {
    let node = node("gate-fields", &[]).await;
    let cookie = login(&node).await;
    for path in ["/", "/login", "/assets/app.js", "/assets/nothing.js", "/api/workers", "/api/worker?name=a"] {
        let answer = ask(&node, &cookie, path).await;
        let policy = answer.field("content-security-policy");
        assert!(policy.starts_with("default-src 'none';") && policy.contains("frame-ancestors 'none'"), "{path}");
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(answer.field("x-content-type-options"), "nosniff", "{path}");
        assert_eq!((answer.field("cache-control"), answer.field("x-frame-options")), ("no-store", "DENY"), "{path}");
        assert_eq!(answer.field("cross-origin-resource-policy"), "same-origin", "{path}");
    }
    let page = ask(&node, &cookie, "/").await;
    assert!(!page.body.contains("<script>") && !page.body.contains(" style="), "nothing stands in the page itself");
}

#[tokio::test]
async fn other_pages_change_nothing_and_read_nothing() {
    let node = node("gate-pages", &[]).await;
    let cookie = login(&node).await;
    let me = node.node().to_string();
    let drain = || json!({"node": me, "drained": true});
    let host = addr(&node).to_string();
    let post = |path| Request::bare(&node, "POST", path).field("Host", &host).cookie(&cookie);
    for request in [
        post("/api/drain"),
        post("/api/drain").field("X-Swarm-Dashboard", "1"),
        post("/api/drain").field("Origin", &format!("http://{host}")),
        post("/api/drain").field("Origin", "http://evil.example").field("X-Swarm-Dashboard", "1"),
        post("/api/drain").field("Origin", "null").field("X-Swarm-Dashboard", "1"),
        Request::change(&node, "/api/drain", drain()).cookie(&cookie).field("Sec-Fetch-Site", "cross-site"),
        post("/login").field("Origin", "http://evil.example"),
        post("/login"),
        Request::get(&node, "/api/live").cookie(&cookie).field("Origin", "http://evil.example"),
        Request::get(&node, "/api/workers").cookie(&cookie).field("Sec-Fetch-Site", "cross-site"),
    ] {
        let answer = request.send().await;
        assert_eq!(answer.status, 403, "{answer:?}");
    }
    // The only node cannot be drained: that it is told so shows that the question came through.
    let own = Request::change(&node, "/api/drain", drain()).cookie(&cookie).send().await;
    assert_eq!(own.status, 409, "{own:?}");
    let link = ask(&node, &cookie, "/").await;
    assert_eq!(link.status, 200);
}

#[tokio::test]
async fn where_nobody_logs_in_one_may_look_and_no_more() {
    let node = open_node("gate-open", &[]).await;
    assert_eq!(Request::get(&node, "/").send().await.status, 200);
    assert_eq!(Request::get(&node, "/api/workers").send().await.status, 200);
    assert_eq!(Request::get(&node, "/login").send().await.field("location"), "/");
    let me = node.node().to_string();
    let drained = Request::change(&node, "/api/drain", json!({"node": me, "drained": true})).send().await;
    assert_eq!(drained.status, 403, "{drained:?}");
    assert!(drained.body.contains("SWARM_DASHBOARD_TOKEN"), "{drained:?}");
    let moved = Request::change(&node, "/api/move", json!({"name": "a", "node": null})).send().await;
    assert_eq!(moved.status, 403, "{moved:?}");
}

#[tokio::test]
async fn a_host_that_was_turned_into_this_machine_reads_nothing() {
    let node = open_node("gate-rebinding", &[]).await;
    let port = addr(&node).port();
    let with = |host: String| Request::bare(&node, "GET", "/api/workers").field("Host", &host).send();
    for host in ["evil.example".to_owned(), format!("evil.example:{port}"), "127.0.0.1.evil.example".to_owned()] {
        assert_eq!(with(host.clone()).await.status, 421, "{host}");
    }
    for host in [format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("[::1]:{port}")] {
        assert_eq!(with(host.clone()).await.status, 200, "{host}");
    }
}
