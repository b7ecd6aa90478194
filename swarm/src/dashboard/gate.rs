//! Owns who is let in to a node's dashboard: who is logged in, or, where nobody logs in, who is no page of a browser that was led here by somebody
//! else. Never lets anything be changed by who is not logged in, or from another page.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HOST, HeaderName, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::hall::Hall;
use super::sessions::Pass;
use crate::rpc::{Guest, is_address};

/// What a browser loads for the page: what this node serves, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

/// What the page says with each change. Another page cannot say it without asking first, and is never told that it may.
const MARK: HeaderName = HeaderName::from_static("x-swarm-dashboard");

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Who has asked, if he has logged in.
#[derive(Clone, Copy)]
pub(super) struct Visitor(pub(super) Option<Pass>);

/// Why a request is not let in.
enum Denied {
    /// Who has sent it is to log in.
    Login,
    Because(StatusCode, &'static str),
}

/// Lets a request in, or answers why not.
pub(super) async fn pass(State(hall): State<Arc<Hall>>, mut request: Request, next: Next) -> Response {
    let guest = request.extensions().get::<Arc<Guest>>().cloned();
    let response = match enter(&hall, guest.as_deref(), &request) {
        Ok(visitor) => {
            request.extensions_mut().insert(visitor);
            next.run(request).await
        }
        Err(Denied::Login) => Redirect::to("/login").into_response(),
        Err(Denied::Because(status, text)) => {
            if status == StatusCode::FORBIDDEN {
                hall.complain(guest.map(|guest| guest.from), "what was asked came from another page");
            }
            refused(status, text)
        }
    };
    guarded(response)
}

fn enter(hall: &Hall, guest: Option<&Guest>, request: &Request) -> Result<Visitor, Denied> {
    let (headers, path) = (request.headers(), request.uri().path());
    if hall.tokens.is_none() && !field(headers, &HOST).is_none_or(is_address) {
        let text =
            "the field Host names another machine: where nobody logs in, name the node by its address, or as localhost";
        return Err(Denied::Because(StatusCode::MISDIRECTED_REQUEST, text));
    }
    if !comes_from_here(request.method(), headers, path) {
        let text = "this must come from the dashboard's own page (behind a proxy: it has to pass on the field Host)";
        return Err(Denied::Because(StatusCode::FORBIDDEN, text));
    }
    let pass = shown(hall, headers);
    let open = path == "/login" || path.starts_with("/assets/");
    match (hall.admits(pass), open) {
        (true, _) if guest.is_none_or(|guest| guest.admit(&hall.guests)) => Ok(Visitor(pass)),
        (true, _) => {
            let text = "as many are connected as this node takes: try again later";
            Err(Denied::Because(StatusCode::SERVICE_UNAVAILABLE, text))
        }
        (false, true) => Ok(Visitor(None)),
        (false, false) if path == "/" => Err(Denied::Login),
        (false, false) => Err(Denied::Because(StatusCode::UNAUTHORIZED, "log in first")),
    }
}

/// Whether it is not sent by a browser for a page from elsewhere. Who only follows a link to here is no such page.
fn comes_from_here(method: &Method, headers: &HeaderMap, path: &str) -> bool {
    let (site, origin) = (field(headers, &FETCH_SITE), field(headers, &ORIGIN));
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let follows = reads && field(headers, &FETCH_MODE) == Some("navigate") && !path.starts_with("/api/");
    let elsewhere = site.is_some_and(|site| !matches!(site, "same-origin" | "none")) && !follows;
    let other = origin.is_some_and(|origin| !is_of(origin, field(headers, &HOST)));
    let unsaid = !reads && origin.is_none() && site != Some("same-origin");
    let unmarked = !reads && path.starts_with("/api/") && !headers.contains_key(&MARK);
    !(elsewhere || other || unsaid || unmarked)
}

/// Whether a page is from this host.
fn is_of(origin: &str, host: Option<&str>) -> bool {
    let from = origin.split_once("://").map(|(_, from)| from);
    from.is_some_and(|from| host.is_some_and(|host| host.eq_ignore_ascii_case(from)))
}

/// The pass that a browser shows.
fn shown(hall: &Hall, headers: &HeaderMap) -> Option<Pass> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
    pairs.find_map(|(name, value)| Pass::read(value).filter(|_| name == hall.cookie))
}

fn field<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

/// An answer that says why not.
pub(super) fn refused(status: StatusCode, text: impl Into<String>) -> Response {
    (status, Json(serde_json::json!({ "error": text.into() }))).into_response()
}

/// What every answer says to browsers.
fn guarded(mut response: Response) -> Response {
    let fields = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        // So that the login form says where it comes from.
        (REFERRER_POLICY, "same-origin"),
        (CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    let headers = response.headers_mut();
    for (name, value) in fields {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: Method, path: &str, fields: &[(HeaderName, &str)]) -> bool {
        let fields = fields.iter().map(|(name, value)| (name.clone(), value.parse().expect("a value")));
        comes_from_here(&method, &fields.collect(), path)
    }

    #[test]
    fn only_the_pages_own_requests_change_anything() {
        let here = [(HOST, "h:1"), (ORIGIN, "http://h:1"), (MARK, "1")];
        assert!(check(Method::POST, "/api/drain", &here));
        assert!(check(Method::POST, "/login", &here[..2]));
        assert!(check(Method::POST, "/api/drain", &[(HOST, "h"), (FETCH_SITE, "same-origin"), (MARK, "1")]));
        assert!(!check(Method::POST, "/api/drain", &here[..2]), "it is not marked");
        assert!(!check(Method::POST, "/login", &here[..1]), "nothing says where it is from");
        assert!(!check(Method::POST, "/login", &[(HOST, "h:1"), (ORIGIN, "null")]));
        for origin in ["http://evil.example", "http://h:2", "http://h:1.evil.example", "h:1"] {
            assert!(!check(Method::POST, "/api/drain", &[(HOST, "h:1"), (ORIGIN, origin), (MARK, "1")]), "{origin}");
        }
        let cross = [(HOST, "h:1"), (ORIGIN, "http://h:1"), (FETCH_SITE, "cross-site"), (MARK, "1")];
        assert!(!check(Method::POST, "/api/drain", &cross));
    }

    #[test]
    fn pages_from_elsewhere_may_link_to_here_and_read_nothing() {
        assert!(check(Method::GET, "/", &[(FETCH_SITE, "cross-site"), (FETCH_MODE, "navigate")]));
        assert!(!check(Method::GET, "/api/workers", &[(FETCH_SITE, "cross-site"), (FETCH_MODE, "navigate")]));
        assert!(!check(Method::GET, "/api/workers", &[(FETCH_SITE, "same-site"), (FETCH_MODE, "cors")]));
        assert!(!check(Method::GET, "/api/live", &[(HOST, "h"), (ORIGIN, "http://evil.example")]));
        assert!(check(Method::GET, "/api/live", &[(FETCH_SITE, "same-origin"), (FETCH_MODE, "cors")]));
        assert!(check(Method::GET, "/api/workers", &[]), "a program that is no browser");
    }
}
