//! Owns what is answered when something could not be done: problem details (RFC 9457), which say whether a handler ran. Never guesses
//! that; it is what the errors of a node say.

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{ALLOW, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use swarm_net::node::NodeId;

use super::sort::{self, Sort};
use crate::error::{CallError, Executed, RegisterError, RegistryError};
use crate::gateway::{Code, Failure, Ran};
use crate::name::Name;

/// The media type of a problem.
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// Where problems are explained.
const TYPES: &str = "https://docs.rs/swarm/latest/swarm/http/index.html#";

/// When to try again what was refused because too much was asked at once, in seconds: queues are worked off within far less.
const RETRY_AFTER_S: u64 = 1;

/// Why something was not done.
#[derive(Debug)]
pub(super) struct Problem {
    sort: Sort,
    detail: String,
    executed: Executed,
    /// In a box, since whatever may fail has room for one.
    about: Box<About>,
}

/// What it is about, as far as that is known.
#[derive(Debug, Default)]
struct About {
    name: Option<String>,
    kind: Option<String>,
    node: Option<String>,
    field: Option<String>,
    allow: Option<HeaderValue>,
    location: Option<String>,
}

/// As it is written.
#[derive(Serialize)]
struct Told<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    executed: Known,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
}

/// Whether the handler ran, in JSON's words.
#[derive(Serialize)]
#[serde(untagged)]
enum Known {
    Certainly(bool),
    Unknown(&'static str),
}

impl Problem {
    /// Of what was refused before anything was done.
    pub(super) fn new(sort: Sort, detail: impl Into<String>) -> Self {
        Self { sort, detail: detail.into(), executed: Executed::No, about: Box::default() }
    }

    /// Of a worker type.
    pub(super) fn kind(mut self, kind: &str) -> Self {
        self.about.kind = Some(kind.to_owned());
        self
    }

    /// With a field of the JSON that was sent.
    pub(super) fn field(mut self, field: String) -> Self {
        self.about.field = Some(field).filter(|field| !field.is_empty());
        self
    }

    /// With the methods that a path has.
    pub(super) fn allow(mut self, methods: Option<HeaderValue>) -> Self {
        self.about.allow = methods;
        self
    }

    /// Of something that has run.
    pub(super) fn executed(self, executed: Executed) -> Self {
        Self { executed, ..self }
    }

    /// Why a call came to nothing.
    pub(super) fn call(error: CallError, me: NodeId) -> Self {
        Self::of(Failure::call(error, me))
    }

    /// Why a worker was not registered.
    pub(super) fn register(error: RegisterError, me: NodeId) -> Self {
        let executed = match &error {
            RegisterError::Timeout { .. } | RegisterError::Lost { .. } => Executed::Maybe,
            // It ran, and the name is free again.
            RegisterError::Init { .. } => Executed::Yes,
            RegisterError::AlreadyRegistered { .. }
            | RegisterError::NoCapableNode { .. }
            | RegisterError::NoQuorum { .. }
            | RegisterError::Overloaded { .. }
            | RegisterError::NoRoom { .. }
            | RegisterError::NameTooLong { .. }
            | RegisterError::TooLarge { .. }
            | RegisterError::NoSwarm
            | RegisterError::Stopping { .. }
            | RegisterError::NotPublic { .. }
            | RegisterError::NoMember { .. }
            | RegisterError::Unreachable { .. } => Executed::No,
        };
        Self::of(Failure::register(error, me)).executed(executed)
    }

    /// What keeps the registry or a group from an answer. `unsure` is whether it may have done all the same what has had no answer.
    pub(super) fn registry(error: RegistryError, me: NodeId, unsure: Executed) -> Self {
        let executed = match &error {
            RegistryError::Timeout { .. } | RegistryError::Lost { .. } => unsure,
            RegistryError::NotRegistered { .. }
            | RegistryError::WrongWorker { .. }
            | RegistryError::NoQuorum { .. }
            | RegistryError::TooLarge { .. }
            | RegistryError::Overloaded { .. }
            | RegistryError::NoRoom { .. }
            | RegistryError::NoSwarm
            | RegistryError::Stopping { .. }
            | RegistryError::NotPublic { .. }
            | RegistryError::Unreachable { .. } => Executed::No,
        };
        Self::of(Failure::registry(error, me)).executed(executed)
    }

    /// In the words of a gateway.
    fn of(failure: Failure) -> Self {
        let executed = match failure.ran {
            Ran::No => Executed::No,
            Ran::Maybe => Executed::Maybe,
            Ran::Yes => Executed::Yes,
        };
        let kind = match &failure.place {
            Some(place) => place.worker.clone(),
            None => failure.found.clone(),
        };
        let location = failure.name.as_deref().filter(|_| failure.code == Code::AlreadyRegistered).map(path_of);
        let about = About {
            node: failure.node.id().map(|node| node.to_string()),
            kind: Some(kind).filter(|kind| !kind.is_empty()),
            name: failure.name,
            location,
            ..About::default()
        };
        Self { sort: sort::of(failure.code, executed), detail: failure.text, executed, about: Box::new(about) }
    }

    /// The JSON of it.
    pub(super) fn text(&self) -> String {
        let Self { sort, detail, about, .. } = self;
        let executed = match self.executed {
            Executed::No => Known::Certainly(false),
            Executed::Yes => Known::Certainly(true),
            Executed::Maybe => Known::Unknown("unknown"),
        };
        let told = Told {
            r#type: format!("{TYPES}{}", sort.word),
            title: sort.title,
            status: sort.status.as_u16(),
            detail,
            code: sort.word,
            executed,
            name: about.name.as_deref(),
            kind: about.kind.as_deref(),
            node: about.node.as_deref(),
            field: about.field.as_deref(),
        };
        serde_json::to_string(&told).expect("strings and numbers can be told as JSON")
    }

    /// Whether it is of this sort.
    pub(super) fn is(&self, sort: Sort) -> bool {
        self.sort == sort
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.text()));
        *response.status_mut() = self.sort.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if self.sort.again {
            headers.insert(RETRY_AFTER, RETRY_AFTER_S.into());
        }
        if self.sort == sort::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"swarm\"");
            headers.insert(axum::http::header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(allow) = self.about.allow {
            headers.insert(ALLOW, allow);
        }
        if let Some(location) = self.about.location.and_then(|location| HeaderValue::try_from(location).ok()) {
            headers.insert(LOCATION, location);
        }
        response
    }
}

/// The path of a worker.
pub(super) fn path_of(name: &str) -> String {
    format!("/v1/workers/{}", encoded(name))
}

/// A text as one segment of a path.
pub(super) fn encoded(text: &str) -> String {
    // What RFC 3986 calls unreserved.
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    let piece = |byte: u8| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(piece).collect()
}

/// No worker has this name.
pub(super) fn nobody(name: &Name, node: NodeId) -> Problem {
    Problem::call(CallError::NotRegistered { name: name.clone(), node }, node)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;

    fn told(problem: &Problem) -> Value {
        serde_json::from_str(&problem.text()).expect("it is JSON")
    }

    #[test]
    fn a_problem_says_what_it_is_about_and_whether_the_handler_ran() {
        let node = NodeId::new(([10, 0, 0, 7], 45892).into(), 7);
        for (executed, word) in
            [(Executed::No, json!(false)), (Executed::Yes, json!(true)), (Executed::Maybe, json!("unknown"))]
        {
            let error = CallError::Timeout { name: "a".into(), node, after: Duration::from_secs(1), executed };
            let problem = told(&Problem::call(error.clone(), node));
            assert_eq!(problem["executed"], word);
            assert_eq!((&problem["status"], &problem["code"]), (&json!(504), &json!("timeout")));
            assert_eq!(problem["detail"], json!(error.to_string()));
            assert_eq!((&problem["name"], &problem["node"]), (&json!("a"), &json!(node.to_string())));
            assert_eq!(problem.get("kind"), None);
        }
    }

    #[test]
    fn the_path_of_a_worker_is_one_segment() {
        assert_eq!(path_of("page/42"), "/v1/workers/page%2F42");
        assert_eq!(path_of("a-b_c.d~e"), "/v1/workers/a-b_c.d~e");
        assert_eq!(path_of("ü? %"), "/v1/workers/%C3%BC%3F%20%25");
    }
}
