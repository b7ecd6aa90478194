//! How programs in other languages reach the workers of a cluster: HTTP/1.1 with JSON, served by each node that is told to by
//! [`Builder::http`](crate::Builder::http), whichever node a worker is on.
//!
//! Only workers marked `#[swarm::worker(public, json)]` can be reached, by whatever way. What each node serves stands in an OpenAPI 3.1 document at
//! `/openapi.json`, made of the worker types that it knows.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use swarm::{Http, Swarm};
//!
//! let http = Http::at("0.0.0.0:8443").token_file("/etc/bank/tokens").tls("/etc/bank/cert.pem", "/etc/bank/key.pem");
//! let swarm = Swarm::builder().cluster("bank").http(http).start().await?;
//! println!("programs connect to {}", swarm.http().expect("it was asked for"));
//! # Ok(()) }
//! ```
//!
//! # What can be asked
//!
//! | | |
//! |---|---|
//! | `PUT /v1/workers/{name}` | registers a worker of `{"kind": "Account", "init": {"opening": 5}}`: 201. With `?existing=take` it is no problem (200) if it is there |
//! | `GET /v1/workers/{name}` | where it is: `{"name": .., "kind": .., "node": .., "epoch": ..}` |
//! | `DELETE /v1/workers/{name}` | unregisters it: 204 |
//! | `POST /v1/workers/{name}/{message}` | calls it: 200 and the reply; or casts to it: 202 |
//! | `POST /v1/groups/{group}/{message}` | says something to a group, with `?key=` to that of its dynamic ones |
//! | `POST /v1/kinds/{kind}/{message}` | says something to all workers of a type |
//!
//! A name is one segment of the path, percent-encoded (RFC 3986): `page/42` is `page%2F42`. (Some clients take the names `.` and `..` for
//! directories, however they are encoded.)
//!
//! `{message}` is the method that handles it, as `deposit`, or its name on the wire, as `Account%2Fdeposit`. The body is an object with the method's
//! arguments as fields; without one it is `{}`. With `?kind=Account` the node need not ask first of which type the worker is, which spares a question
//! to the owner of the name; if it is of another type, that is a problem. To a group, `?kind=` says whose method of that name is meant.
//!
//! What has no reply (`#[cast]`) is cast, and published to groups. What has one is called; with `Prefer: respond-async` (RFC 7240) it is cast and
//! published as well, and nobody is told its reply.
//!
//! A publish is answered with how many it was delivered to, `{"delivered": 3}`. What is asked of a group is answered in lines of JSON
//! (NDJSON), one for each member as it answers, and a last one that counts them; without that last one it is not the whole:
//!
//! ```text
//! {"name":"acct/1","node":"10.0.0.7:45892#0a1b2c3d","reply":5}
//! {"name":"acct/2","node":"10.0.0.8:45892#4e5f6a7b","problem":{"type":..,"status":504,"code":"timeout","executed":"unknown",..}}
//! {"end":{"members":2,"answered":1,"failed":1}}
//! ```
//!
//! Requests of one connection are begun in the order in which they come, each when the one before it is answered.
//!
//! # How long it is waited for
//!
//! `Request-Timeout: 2.5` says how long the client waits, in seconds: by then it has an answer, or a problem that says whether the handler ran. A
//! client that is to hear that waits a little longer itself. No standard has a field for this; gRPC (`grpc-timeout: 2500m`) and Connect
//! (`Connect-Timeout-Ms`) carry the same in fields of theirs. HTTP's own fields have times in seconds, and so has this one. What Envoy
//! tells whom it forwards to, `X-Envoy-Expected-Rq-Timeout-Ms`, is understood as well, and so is `Prefer: wait=3` (RFC 7240), which knows whole seconds
//! only. The shortest counts; an hour is the most. Without any it is `Config::call_timeout_ms`. The time of the body is in it.
//!
//! Who hangs up gives up the answer. What has not begun by then may still run; what has goes on.
//!
//! # Traces
//!
//! If the node has a [`Builder::propagator`](crate::Builder::propagator), what is said to one worker goes on in the trace that `traceparent` and
//! `tracestate` name ([W3C Trace Context](https://www.w3.org/TR/trace-context/)), if it is sampled. What is no such trace counts as not there.
//!
//! # Problems
//!
//! What could not be done is told by problem details (RFC 9457, `application/problem+json`), with the members `code`, a word that does not
//! change; `executed`, whether the handler ran: `true`, `false`, or `"unknown"`, with the meaning of [`Executed`](crate::Executed) (of what is no
//! call: whether it was done); and `name`, `kind`, `node`, `field`, as far as they are known. After `"executed": false` the same may be
//! asked again without fear. What may go well soon has a `Retry-After`.
//!
//! | status | codes |
//! |---|---|
//! | 400 | <span id="bad_request">`bad_request`</span>, <span id="no_json">`no_json`</span> |
//! | 401, 403 | <span id="unauthorized">`unauthorized`</span>; <span id="forbidden">`forbidden`</span>, <span id="not_public">`not_public`</span>, <span id="not_json">`not_json`</span> |
//! | 404 | <span id="no_path">`no_path`</span>, <span id="not_registered">`not_registered`</span>, <span id="no_message">`no_message`</span>, <span id="unhandled">`unhandled`</span> |
//! | 405 | <span id="method">`method`</span> |
//! | 408 | <span id="slow">`slow`</span>: the body did not come |
//! | 409 | <span id="already_registered">`already_registered`</span> (`Location` says where), <span id="wrong_worker">`wrong_worker`</span>, <span id="ambiguous">`ambiguous`</span> |
//! | 413, 414, 415 | <span id="too_large">`too_large`</span>; <span id="name_too_long">`name_too_long`</span>; <span id="media_type">`media_type`</span> |
//! | 421 | <span id="misdirected">`misdirected`</span>: the field `Host` names another machine, and no token is asked for |
//! | 422 | <span id="does_not_fit">`does_not_fit`</span> (`field` says where), <span id="init">`init`</span>: the worker's `init` said no |
//! | 429 | <span id="too_many">`too_many`</span> |
//! | 500 | <span id="panicked">`panicked`</span>, <span id="large_reply">`large_reply`</span>, <span id="unwritten">`unwritten`</span>: the reply is no JSON that can be told, <span id="unknown">`unknown`</span> |
//! | 502 | <span id="node_down">`node_down`</span>, <span id="schema_mismatch">`schema_mismatch`</span> |
//! | 503 | <span id="overloaded">`overloaded`</span>, <span id="full">`full`</span>, <span id="stopping">`stopping`</span>, <span id="no_quorum">`no_quorum`</span>, <span id="ended">`ended`</span>, <span id="not_owner">`not_owner`</span>, <span id="no_capable_node">`no_capable_node`</span> |
//! | 504 | <span id="timeout">`timeout`</span> |
//! | 507 | <span id="no_room">`no_room`</span>: the partition that the name falls into holds all the records that it may |
//! | 508 | <span id="self_call">`self_call`</span> |
//!
//! (A head that cannot be understood, or is too long, is answered 400 or 431, without a body.)
//!
//! # Who is let in
//!
//! Who shows one of the node's [tokens](Http::token): `Authorization: Bearer TOKEN`. It may then do all of the above. A node on a loopback address needs
//! none; then whatever runs on the machine is let in, but no page of a browser: what has an `Origin`, or names the node otherwise than by an
//! address or as `localhost`, is refused.
//!
//! | file | owns |
//! |---|---|
//! | `settings` | what a node is told about it |
//! | `server`, `hall`, `gate` | connections and their limits, what they share, who is let in |
//! | `router`, `wish`, `body` | paths; what heads ask for; bodies |
//! | `ask`, `workers`, `groups`, `lines` | which message is meant; what is answered |
//! | `problem`, `sort` | why not |
//! | `document`, `schema` | OpenAPI, and JSON Schema |

mod ask;
mod body;
mod document;
mod gate;
mod groups;
mod hall;
mod lines;
mod problem;
mod router;
mod schema;
mod server;
mod settings;
mod sort;
mod trace;
mod wish;
mod workers;

pub(crate) use server::open;
pub use settings::Http;
pub(crate) use settings::Opening;

/// How many may be connected at once that have shown a token; one more is told so, and not kept waiting for others who never go.
const CONNECTIONS_MAX: usize = 1024;

/// How many may be connected that have not: strangers take no place of those who have. With one more one of those
/// from where the most are is hung up on.
const STRANGERS_MAX: usize = 64;

/// How many requests may be under way at a node. One more is told to come again.
const REQUESTS_MAX: usize = 512;
