//! How one logs in and out, and for how long.

use std::net::Ipv4Addr;

use serde_json::json;
use tokio::net::TcpSocket;

use super::client::{Request, ask, login};
use super::fixture::{PATIENCE, TOKEN, addr, node};

#[tokio::test]
async fn a_session_is_a_cookie_that_scripts_do_not_see() {
    let node = node("sessions-cookie", &[]).await;
    let answer = Request::form(&node, TOKEN).send().await;
    let cookie = answer.field("set-cookie");
    assert!(cookie.starts_with(&format!("swarm-{}=", addr(&node).port())), "{cookie}");
    for part in ["; HttpOnly", "; SameSite=Strict", "; Path=/", "; Max-Age=43200"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains(TOKEN), "{cookie}");
}

#[tokio::test]
async fn who_has_logged_out_is_out() {
    let node = node("sessions-out", &[]).await;
    let (one, other) = (login(&node).await, login(&node).await);
    assert_eq!(ask(&node, &one, "/api/workers").await.status, 200);
    let out = Request::change(&node, "/api/logout", json!({})).cookie(&one).send().await;
    assert_eq!((out.status, out.field("set-cookie").contains("Max-Age=0")), (204, true));
    assert_eq!(ask(&node, &one, "/api/workers").await.status, 401);
    assert_eq!(ask(&node, &other, "/api/workers").await.status, 200, "who has not is not");
}

/// With a token that lets in no more one is logged out, also where one only watches.
#[tokio::test]
async fn a_login_ends_with_its_token() {
    let node = node("sessions-token", &[]).await;
    let (cookie, tokens) = (login(&node).await, node.dashboard_tokens());
    let mut feed = Request::get(&node, "/api/live").cookie(&cookie).listen().await;
    let old = tokens.ids()[0];
    let new = tokens.add("another token that nobody guesses").expect("it is a good one");
    assert_eq!(ask(&node, &cookie, "/api/workers").await.status, 200);
    tokens.remove(old).expect("there is another one");
    assert_eq!(ask(&node, &cookie, "/api/workers").await.status, 401);
    let ends = async { while feed.next().await.is_some() {} };
    tokio::time::timeout(PATIENCE, ends).await.expect("the stream ends in time");
    assert_eq!(Request::form(&node, TOKEN).send().await.status, 403);
    let cookie = Request::form(&node, "another token that nobody guesses").send().await;
    let cookie = cookie.field("set-cookie").split(';').next().expect("there is one").to_owned();
    assert_eq!((ask(&node, &cookie, "/api/workers").await.status, tokens.ids()), (200, vec![new]));
}

#[tokio::test]
async fn whoever_guesses_has_few_guesses() {
    let node = node("sessions-guesses", &[]).await;
    let guess = async |n| {
        let answer = Request::form(&node, &format!("this is no token {n}")).send().await;
        assert_eq!(answer.field("set-cookie"), "");
        answer
    };
    assert_eq!(guess(0).await.status, 403);
    // Each takes some milliseconds, and six of them in one second are too many, however busy the machine is in others.
    let refused = async {
        for n in 1.. {
            let answer = guess(n).await;
            match answer.status {
                403 => {}
                429 => return answer,
                status => panic!("{status}"),
            }
        }
        unreachable!("it guesses until it is refused")
    };
    let refused = tokio::time::timeout(PATIENCE, refused).await.expect("it is refused in time");
    assert_eq!(refused.field("retry-after"), "1");
    // Whoever comes from elsewhere notices nothing of it.
    let socket = TcpSocket::new_v4().expect("there is room for one");
    socket.bind((Ipv4Addr::new(127, 0, 0, 2), 0).into()).expect("all of 127.0.0.0/8 are this machine's");
    let stream = socket.connect(addr(&node)).await.expect("it listens");
    assert_eq!(Request::form(&node, TOKEN).send_over(stream).await.status, 303);
    for value in ["", "0", &"0".repeat(64), &"x".repeat(64)] {
        let cookie = format!("swarm-{}={value}", addr(&node).port());
        assert_eq!(ask(&node, &cookie, "/api/workers").await.status, 401, "{cookie}");
    }
}

#[tokio::test]
async fn a_form_that_is_none_is_no_login() {
    let node = node("sessions-form", &[]).await;
    let huge = "a".repeat(64 << 10);
    for token in ["", "a token", &huge] {
        let status = Request::form(&node, token).send().await.status;
        assert!([403, 413, 429].contains(&status), "{status}");
    }
}
