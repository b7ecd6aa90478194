//! Owns what is answered to the page: each question is one of those that operators ask, as `admin` answers it. Never decides who may ask.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::gate::{Visitor, refused};
use super::hall::Hall;
use super::live::{Feed, events};
use crate::admin::{Code, Filter, Named, NodeEvent, OfNode, Page, Post, Refusal, Worker};
use crate::directory::GroupKey;
use crate::message::Fingerprint;
use crate::name::Name;
use crate::runtime::inquiry::{Facts, Inquiry, Lookup};

/// How many rows of the table of workers are told at once.
const ROWS_MAX: usize = 200;

/// How many groups are told, and by how many nodes' word at most each.
const GROUPS_MAX: usize = 500;

/// How many events of one worker each node tells.
const HISTORY_MAX: u16 = 100;

type Asked<T> = Result<Query<T>, QueryRejection>;

/// What is shown as it happens.
pub(super) async fn live(State(hall): State<Arc<Hall>>, Extension(visitor): Extension<Visitor>) -> Response {
    let Ok(place) = hall.watchers.clone().try_acquire_owned() else {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "as many watch as this node shows: try again later");
    };
    let feed = Feed::new(hall.clone(), visitor.0, place);
    ([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(feed)).into_response()
}

/// Which workers are wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Search {
    prefix: String,
    kind: String,
    node: String,
    /// The fingerprint of a group's name.
    group: String,
    key: String,
    after: Option<String>,
    count: u32,
}

/// A page of the table of workers.
pub(super) async fn workers(State(hall): State<Arc<Hall>>, search: Asked<Search>) -> Response {
    answer(&hall, search, async |hall, search| {
        let count =
            usize::try_from(search.count).ok().filter(|count| (1..=ROWS_MAX).contains(count)).unwrap_or(ROWS_MAX);
        let group = match search.group.as_str() {
            "" => None,
            tag => Some(u64::from_str_radix(tag, 16).map_err(|_| malformed("a group is told by 16 digits"))?),
        };
        let some = |text: String| (!text.is_empty()).then_some(text);
        let filter = Filter {
            kind: some(search.kind),
            node: some(search.node),
            group_key: search.key,
            prefix: search.prefix,
            after: search.after,
            ..Filter::default()
        };
        let page: Page = hall.sight().list_of(group, filter, count).await?;
        Ok(page)
    })
    .await
}

/// A worker's page.
#[derive(Serialize)]
struct Sheet {
    worker: Worker,
    /// Where it has been, as the nodes have written it down.
    history: Vec<NodeEvent>,
    /// The nodes that write down nothing, or did not answer.
    without: Vec<String>,
}

/// What is known of a worker.
pub(super) async fn worker(State(hall): State<Arc<Hall>>, named: Asked<Named>) -> Response {
    answer(&hall, named, async |hall, named| {
        let sight = hall.sight();
        let worker = sight.describe(&named.name).await?;
        let all = sight.view().keys().copied().collect();
        let lookup = Lookup { about: Some(Name::from(named.name.as_str())), within_ms: u64::MAX, count: HISTORY_MAX };
        let (mut history, mut without) = (Vec::new(), Vec::new());
        let mut told = sight.inquire(all, Inquiry::Diary(lookup)).await?;
        for node in sight.view().keys() {
            match told.remove(node) {
                Some(Facts::Diary(None)) | None => without.push(node.to_string()),
                Some(facts) => {
                    let entry = |row| NodeEvent { by: node.to_string(), row };
                    history.extend(events(facts).into_iter().map(entry));
                }
            }
        }
        history.sort_by_key(|entry| entry.row.at_unix_ms);
        Ok(Sheet { worker, history, without })
    })
    .await
}

/// Which group is meant by a name.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Meant {
    name: String,
}

/// A group.
#[derive(Serialize)]
struct GroupRow {
    /// The fingerprint of its name: nodes tell each other no more of it.
    group: String,
    key: String,
    members: u64,
    nodes: u64,
}

/// The groups.
#[derive(Serialize)]
struct GroupRows {
    groups: Vec<GroupRow>,
    /// There are more.
    more: bool,
    /// The fingerprint of the name that was asked about.
    meant: Option<String>,
}

/// The largest groups.
pub(super) async fn groups(State(hall): State<Arc<Hall>>, meant: Asked<Meant>) -> Response {
    answer(&hall, meant, async |hall, meant| {
        let sight = hall.sight();
        let all = sight.view().keys().copied().collect();
        let most = u16::try_from(GROUPS_MAX).unwrap_or(u16::MAX);
        let mut sums = BTreeMap::<GroupKey, (u64, u64)>::new();
        let told = sight.inquire(all, Inquiry::Groups(most)).await?;
        for (group, members) in told.into_values().filter_map(Facts::groups).flatten() {
            let sum = sums.entry(group).or_default();
            *sum = (sum.0 + members, sum.1 + 1);
        }
        let row = |(group, (members, nodes)): (GroupKey, (u64, u64))| GroupRow {
            group: format!("{:016x}", group.tag),
            key: group.key.to_string(),
            members,
            nodes,
        };
        let mut groups: Vec<GroupRow> = sums.into_iter().map(row).collect();
        groups.sort_by_key(|row| std::cmp::Reverse(row.members));
        let more = groups.len() > GROUPS_MAX;
        groups.truncate(GROUPS_MAX);
        let meant = (!meant.name.is_empty()).then(|| format!("{:016x}", Fingerprint::of(&meant.name).0));
        Ok(GroupRows { groups, more, meant })
    })
    .await
}

/// A node that is to give its share of the ring away, or to take it again.
#[derive(Deserialize)]
struct Drain {
    #[serde(flatten)]
    node: OfNode,
    drained: bool,
}

/// Drains a node, or takes that back.
pub(super) async fn drain(State(hall): State<Arc<Hall>>, body: Bytes) -> Response {
    change(&hall, &body, async |hall, Drain { node, drained }| {
        tracing::info!(node = %hall.node.id(), whom = node.node, drained, "somebody drains a node by the dashboard");
        hall.sight().drain(&node.node, drained).await
    })
    .await
}

/// Has a worker live on a node, or where the ring wants it.
pub(super) async fn post(State(hall): State<Arc<Hall>>, body: Bytes) -> Response {
    change(&hall, &body, async |hall, post: Post| hall.sight().post(post).await).await
}

/// Answers a question.
async fn answer<Q, A: Serialize>(
    hall: &Hall,
    asked: Asked<Q>,
    answer: impl AsyncFnOnce(&Hall, Q) -> Result<A, Refusal>,
) -> Response {
    let Ok(_place) = hall.requests.clone().try_acquire_owned() else {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "as many requests are under way as this node takes");
    };
    match asked {
        Ok(Query(asked)) => told(answer(hall, asked).await),
        Err(error) => refused(StatusCode::BAD_REQUEST, error.body_text()),
    }
}

/// Changes something, for who has logged in.
async fn change<Q: DeserializeOwned, A: Serialize>(
    hall: &Hall,
    body: &[u8],
    change: impl AsyncFnOnce(&Hall, Q) -> Result<A, Refusal>,
) -> Response {
    if hall.tokens.is_none() {
        let text =
            "nobody logs in to this dashboard, so it only shows: start its node with a token (SWARM_DASHBOARD_TOKEN)";
        return refused(StatusCode::FORBIDDEN, text);
    }
    let Ok(_place) = hall.requests.clone().try_acquire_owned() else {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "as many requests are under way as this node takes");
    };
    match serde_json::from_slice(body) {
        Ok(asked) => told(change(hall, asked).await),
        Err(error) => refused(StatusCode::BAD_REQUEST, error.to_string()),
    }
}

fn told<A: Serialize>(answer: Result<A, Refusal>) -> Response {
    match answer {
        Ok(answer) => Json(answer).into_response(),
        Err(refusal) => {
            let status = match refusal.code {
                Code::NotFound => StatusCode::NOT_FOUND,
                Code::Refused => StatusCode::CONFLICT,
                Code::Timeout => StatusCode::GATEWAY_TIMEOUT,
                Code::Stopping => StatusCode::SERVICE_UNAVAILABLE,
                Code::Malformed => StatusCode::BAD_REQUEST,
                Code::Unsupported | Code::Failed | Code::Unknown => StatusCode::INTERNAL_SERVER_ERROR,
            };
            refused(status, refusal.text)
        }
    }
}

fn malformed(text: &str) -> Refusal {
    Refusal { code: Code::Malformed, text: text.to_owned(), executed: None }
}
