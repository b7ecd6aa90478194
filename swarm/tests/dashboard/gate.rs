//! Who is let in, and from where.

use serde_json::json;
use swarm::Dashboard;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::client::{Request, ask, login};
use super::fixture::{PATIENCE, TOKEN, addr, builder, node, open_node, refused, started};
use super::loopback::dir::Dir;
use super::loopback::tls::Certificate;

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

#[tokio::test(flavor = "multi_thread")]
async fn all_of_it_goes_over_tls_where_there_is_a_certificate() {
    let (dir, made) = (Dir::new(), Certificate::new());
    let (cert, key) = (dir.write("cert.pem", &made.pem(), 0o644), dir.write("key.pem", &made.key_pem(), 0o600));
    let open = dir.write("open.pem", &made.key_pem(), 0o640);
    let with = |key| Dashboard::at("127.0.0.1:0").token(TOKEN).tls(&cert, key);
    let text = refused(builder("gate-tls", &[]).dashboard(with(&open))).await;
    assert!(text.contains("chmod 600"), "{text}");
    let node = started(builder("gate-tls", &[]).dashboard(with(&key))).await;
    let connect = async || made.connect(addr(&node)).await;

    let answer = Request::form_by(&node, "https", TOKEN).send_over(connect().await).await;
    assert_eq!((answer.status, answer.field("location")), (303, "/"), "{answer:?}");
    let cookie = answer.field("set-cookie");
    // Browsers keep one that is called so only from TLS, of this host, for all of its paths.
    assert!(cookie.starts_with(&format!("__Host-swarm-{}=", addr(&node).port())), "{cookie}");
    for part in ["; Secure", "; HttpOnly", "; SameSite=Strict", "; Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let cookie = cookie.split(';').next().expect("there is one");
    let page = Request::get(&node, "/").cookie(cookie).send_over(connect().await).await;
    assert!(page.status == 200 && page.body.contains("/assets/app.js"), "{page:?}");
    let script = Request::get(&node, "/assets/app.js").cookie(cookie).send_over(connect().await).await;
    assert_eq!((script.status, script.field("content-type")), (200, "text/javascript; charset=utf-8"));
    let mut feed = Request::get(&node, "/api/live").cookie(cookie).listen_over(connect().await).await;
    let (kind, whole) = feed.next().await.expect("the whole");
    assert_eq!((kind.as_str(), &whole["cluster"]), ("whole", &json!("gate-tls")));

    // What is no TLS gets an alert of TLS at most, and nobody else minds.
    let mut stream = TcpStream::connect(addr(&node)).await.expect("it listens");
    stream.write_all(format!("GET / HTTP/1.1\r\nCookie: {cookie}\r\n\r\n").as_bytes()).await.expect("it reads");
    let mut told = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut told)).await;
    drop(read.expect("it is hung up on in time"));
    const ALERT: u8 = 21;
    assert!(told.first().is_none_or(|kind| *kind == ALERT), "{told:?}");
    feed.until("what comes after", |kind, told| (kind == "change" && told["totals"].is_object()).then_some(())).await;
}
