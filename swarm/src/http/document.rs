//! Owns the OpenAPI document of what a node serves, made of what its worker types tell of themselves. Never tells of types that are not
//! public.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn, PathItemBuilder};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::{ResponseBuilder, ResponsesBuilder};
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, HttpMethod, InfoBuilder, OpenApi, OpenApiBuilder, PathsBuilder, Ref, RefOr,
    Required, Schema,
};

use super::lines::NDJSON;
use super::problem::{PROBLEM_JSON, encoded};
use super::schema::{Schemas, any_of, one_of, simple, strict, with_docs};
use super::sort;
use crate::registration::Entry;
use crate::runtime::Node;
use crate::worker::{KindShape, MessageShape};

const JSON: &str = "application/json";

/// The name of the scheme in which tokens are shown.
const BEARER: &str = "bearer";

/// The document, once it was asked for: the worker types of a node do not change.
#[derive(Default)]
pub(super) struct Document(OnceLock<String>);

impl Document {
    /// The text of it.
    pub(super) fn text(&self, node: &Node, tokens: bool) -> &str {
        self.0.get_or_init(|| {
            let kinds: Vec<_> = node.kinds.iter().filter(|entry| entry.public).copied().collect();
            let document = Writer::new(&kinds).write(tokens);
            serde_json::to_string(&document).expect("strings and numbers can be told as JSON")
        })
    }
}

/// A message, and the worker type that it is of.
type Known = (Entry, &'static MessageShape);

struct Writer {
    kinds: Vec<(Entry, &'static KindShape)>,
    /// Who has a method of this name.
    methods: BTreeMap<&'static str, Vec<Known>>,
    schemas: Schemas,
    paths: PathsBuilder,
}

impl Writer {
    fn new(kinds: &[Entry]) -> Self {
        let mut kinds: Vec<_> = kinds.iter().filter_map(|entry| Some((*entry, entry.shape?))).collect();
        kinds.sort_by_key(|(entry, _)| entry.name);
        let mut methods = BTreeMap::<_, Vec<Known>>::new();
        for (entry, shape) in &kinds {
            for message in shape.messages {
                methods.entry(message.method).or_default().push((*entry, message));
            }
        }
        Self { kinds, methods, schemas: Schemas::default(), paths: PathsBuilder::new() }
    }

    fn write(mut self, tokens: bool) -> OpenApi {
        self.workers();
        for (method, known) in std::mem::take(&mut self.methods) {
            self.messages(method, &known);
        }
        let document = with_docs(simple(Type::Object).into(), "This document.");
        let this = OperationBuilder::new().operation_id(Some("document")).summary(Some("What this node serves"));
        let this = this.responses(responses(200, "OpenAPI 3.1.", Some((JSON, document))));
        self.path("/openapi.json", [(HttpMethod::Get, this)]);
        let mut components = ComponentsBuilder::new().schema("Problem", problem()).schema("Place", place());
        for (name, schema) in self.schemas.named() {
            // Ours have no dot in them, and messages of that name would be called otherwise.
            let name = if ["Problem", "Place"].contains(&&*name) { format!("{name}.") } else { name };
            components = components.schema(name, schema);
        }
        let info = InfoBuilder::new().title("Swarm").version(env!("CARGO_PKG_VERSION")).description(Some(ABOUT));
        let mut document = OpenApiBuilder::new().info(info.build()).paths(self.paths.build());
        if tokens {
            let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
            components = components.security_scheme(BEARER, scheme);
            document = document.security(Some([SecurityRequirement::new(BEARER, [] as [&str; 0])]));
        }
        document.components(Some(components.build())).build()
    }

    /// `/v1/workers/{name}`.
    fn workers(&mut self) {
        let place = || Some((JSON, RefOr::Ref(Ref::from_schema_name("Place"))));
        let kinds = std::mem::take(&mut self.kinds);
        let registrations = kinds.iter().map(|(entry, shape)| {
            let init = with_docs(self.schemas.of_fields(shape.init.fields), shape.init.docs);
            let kind = simple(Type::String).enum_values(Some([entry.name]));
            let mut object =
                strict(simple(Type::Object)).property("kind", kind).required("kind").property("init", init);
            if !shape.init.fields.is_empty() {
                object = object.required("init");
            }
            RefOr::from(object)
        });
        let registrations: Vec<_> = registrations.collect();
        let existing =
            ParameterBuilder::new().name("existing").parameter_in(ParameterIn::Query).required(Required::False);
        let existing = existing
            .description(Some(EXISTING))
            .schema(Some(simple(Type::String).enum_values(Some(["refuse", "take"]))));
        let created = responses(201, "It is registered, and runs.", place());
        let register = operation("register", "Registers a worker", vec![name()])
            .parameter(existing)
            .request_body(Some(body(one_of(registrations), true)))
            .responses(
                created
                    .response("200", response("It was there already, or is registered now: `existing=take`.", place())),
            );
        let locate =
            operation("locate", "Says where a worker is", vec![name()]).responses(responses(200, "There.", place()));
        let unregister = operation("unregister", "Ends a worker and frees its name", vec![name()]);
        let unregister = unregister.responses(responses(204, "It is gone.", None));
        let all = [(HttpMethod::Put, register), (HttpMethod::Get, locate), (HttpMethod::Delete, unregister)];
        self.path("/v1/workers/{name}", all);
    }

    /// The paths of all messages whose methods have this name.
    fn messages(&mut self, method: &str, known: &[Known]) {
        let send = self.sending(&format!("send.{method}"), known, vec![name(), kind(known)]);
        self.path(&format!("/v1/workers/{{name}}/{}", encoded(method)), [(HttpMethod::Post, send)]);
        let say = self.saying(&format!("say.{method}"), known, vec![group(), key(), kind(known)]);
        self.path(&format!("/v1/groups/{{group}}/{}", encoded(method)), [(HttpMethod::Post, say)]);
        for one in known {
            let say = self.saying(&format!("say.{}.{method}", one.0.name), &[*one], Vec::new());
            self.path(&format!("/v1/kinds/{}/{}", encoded(one.0.name), encoded(method)), [(HttpMethod::Post, say)]);
        }
    }

    fn sending(&mut self, id: &str, known: &[Known], parameters: Vec<ParameterBuilder>) -> OperationBuilder {
        let replies: Vec<_> = known.iter().filter(|(_, message)| !message.cast).collect();
        let replies: Vec<_> = replies.into_iter().map(|(_, message)| self.schemas.of((message.reply_of)())).collect();
        let mut responses = others().response("202", response("It is on its way; nobody waits for it.", None));
        if !replies.is_empty() {
            responses = responses.response("200", response("The reply.", Some((JSON, any_of(replies)))));
        }
        self.told(id, "Calls a worker, or casts to it", known, parameters).responses(responses)
    }

    fn saying(&mut self, id: &str, known: &[Known], parameters: Vec<ParameterBuilder>) -> OperationBuilder {
        let delivered = strict(simple(Type::Object)).property("delivered", count()).required("delivered");
        let mut content = vec![(JSON, delivered.into())];
        let replies: Vec<_> = known.iter().filter(|(_, message)| !message.cast).collect();
        let replies: Vec<_> = replies.into_iter().map(|(_, message)| self.schemas.of((message.reply_of)())).collect();
        if !replies.is_empty() {
            content.push((NDJSON, line(any_of(replies))));
        }
        let told =
            content.into_iter().fold(ResponseBuilder::new().description(SAID), |response, (media_type, schema)| {
                response.content(media_type, ContentBuilder::new().schema(Some(schema)).build())
            });
        let responses = others().response("200", told.build());
        self.told(id, "Says something to many workers", known, parameters).responses(responses)
    }

    /// What all that sends a message has.
    fn told(
        &mut self,
        id: &str,
        summary: &str,
        known: &[Known],
        parameters: Vec<ParameterBuilder>,
    ) -> OperationBuilder {
        let messages = known.iter().map(|(_, message)| match message.takes {
            Some(takes) => self.schemas.of_variants(takes),
            None => self.schemas.of(crate::worker::JsonType::Any),
        });
        let messages: Vec<_> = messages.collect();
        let docs: Vec<_> = known.iter().map(|(entry, message)| format!("{}: {}", entry.name, message.docs)).collect();
        let fields = known
            .iter()
            .any(|(_, message)| message.takes.is_none_or(|takes| takes.iter().any(|one| !one.fields.is_empty())));
        let prefer = ParameterBuilder::new().name("Prefer").parameter_in(ParameterIn::Header).required(Required::False);
        let prefer = prefer.description(Some(PREFER)).schema(Some(simple(Type::String)));
        operation(id, summary, parameters)
            .parameter(prefer)
            .description(Some(docs.join("\n\n")))
            .request_body(Some(body(any_of(messages), fields)))
    }

    fn path(&mut self, path: &str, operations: impl IntoIterator<Item = (HttpMethod, OperationBuilder)>) {
        let mut item = PathItemBuilder::new();
        for (method, operation) in operations {
            item = item.operation(method, operation.build());
        }
        let paths = std::mem::take(&mut self.paths);
        self.paths = paths.path(path, item.build());
    }
}

const ABOUT: &str = "What the workers of a cluster can be asked by HTTP. A name with a slash in it is written with `%2F`. A message is named by \
                     its method, as here, or by its name on the wire, as `Account%2Fdeposit`.";
const EXISTING: &str =
    "What becomes of it if the name is taken: `refuse` is a problem, with `take` that is what was wanted.";
const PREFER: &str =
    "RFC 7240: with `respond-async` nobody waits for a reply; with `wait=3` it must come within so many seconds.";
const REQUEST_TIMEOUT: &str = "How long the client waits, in seconds: what has no answer by then is a problem.";
const SAID: &str = "How many it was delivered to, if it has no reply or none was wanted; else one such line for each member as it answers, and a \
                    last one that counts them.";
const KIND: &str = "The worker type. Who says it spares the node a question.";

fn operation(id: &str, summary: &str, parameters: Vec<ParameterBuilder>) -> OperationBuilder {
    let timeout = simple(Type::String).pattern(Some(r"^([1-9][0-9]{0,3}(\.[0-9]{1,3})?|0\.[0-9]{0,2}[1-9])$"));
    let timeout = ParameterBuilder::new()
        .name("Request-Timeout")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(REQUEST_TIMEOUT))
        .schema(Some(timeout));
    let operation = OperationBuilder::new().operation_id(Some(id)).summary(Some(summary));
    parameters.into_iter().chain([timeout]).fold(operation, OperationBuilder::parameter)
}

fn in_path(what: &str, docs: &str) -> ParameterBuilder {
    let text = simple(Type::String).min_length(Some(1));
    let parameter = ParameterBuilder::new().name(what).parameter_in(ParameterIn::Path).required(Required::True);
    parameter.description(Some(docs)).schema(Some(text))
}

fn name() -> ParameterBuilder {
    in_path("name", "The worker's name.")
}

fn group() -> ParameterBuilder {
    in_path("group", "The group's name.")
}

fn key() -> ParameterBuilder {
    let parameter = ParameterBuilder::new().name("key").parameter_in(ParameterIn::Query).required(Required::False);
    parameter.description(Some("The key of a dynamic group.")).schema(Some(simple(Type::String)))
}

fn kind(known: &[Known]) -> ParameterBuilder {
    let kinds: Vec<_> = known.iter().map(|(entry, _)| entry.name).collect();
    let parameter = ParameterBuilder::new().name("kind").parameter_in(ParameterIn::Query).required(Required::False);
    parameter.description(Some(KIND)).schema(Some(simple(Type::String).enum_values(Some(kinds))))
}

fn body(schema: RefOr<Schema>, required: bool) -> utoipa::openapi::request_body::RequestBody {
    let required = if required { Required::True } else { Required::False };
    let content = ContentBuilder::new().schema(Some(schema)).build();
    RequestBodyBuilder::new().content(JSON, content).required(Some(required)).build()
}

fn response(docs: &str, content: Option<(&str, RefOr<Schema>)>) -> utoipa::openapi::Response {
    let response = ResponseBuilder::new().description(docs);
    let content = content.map(|(media_type, schema)| (media_type, ContentBuilder::new().schema(Some(schema)).build()));
    content.into_iter().fold(response, |response, (media_type, content)| response.content(media_type, content)).build()
}

/// All that may go wrong, which is said alike.
fn others() -> ResponsesBuilder {
    let problem = RefOr::Ref(Ref::from_schema_name("Problem"));
    let docs = "Problem details (RFC 9457).";
    ResponsesBuilder::new().response("default", response(docs, Some((PROBLEM_JSON, problem))))
}

fn responses(status: u16, docs: &str, content: Option<(&str, RefOr<Schema>)>) -> ResponsesBuilder {
    others().response(status.to_string(), response(docs, content))
}

fn count() -> utoipa::openapi::schema::ObjectBuilder {
    simple(Type::Integer).minimum(Some(0_usize))
}

fn problem() -> RefOr<Schema> {
    let text = || simple(Type::String);
    let executed = any_of(vec![simple(Type::Boolean).into(), text().enum_values(Some(["unknown"])).into()]);
    let docs = "Whether the handler ran. After `false` the same may be asked again without fear.";
    let words = sort::ALL.map(|sort| sort.word);
    let status = simple(Type::Integer).minimum(Some(400_usize)).maximum(Some(599_usize));
    let mut object = simple(Type::Object)
        .property("type", text().format(Some(utoipa::openapi::SchemaFormat::Custom("uri".to_owned()))))
        .property("title", text())
        .property("status", status)
        .property("detail", text())
        .property("code", text().enum_values(Some(words)))
        .property("executed", with_docs(executed, docs));
    for (name, docs) in [
        ("name", "The name of the worker that it is about."),
        ("kind", "The worker type that it is about."),
        ("node", "The node that says so, or that it is about."),
        ("field", "The field of the body that does not fit, as `lines[2].cents`."),
    ] {
        object = object.property(name, with_docs(text().into(), docs));
    }
    ["type", "title", "status", "detail", "code", "executed"]
        .into_iter()
        .fold(object, |object, name| object.required(name))
        .into()
}

fn place() -> RefOr<Schema> {
    let fields = ["name", "kind", "node", "epoch"];
    let object = fields
        .into_iter()
        .fold(strict(simple(Type::Object)), |object, name| object.property(name, simple(Type::String)).required(name));
    object.into()
}

/// A line of the answers of a group.
fn line(reply: RefOr<Schema>) -> RefOr<Schema> {
    let member = || {
        let object =
            strict(simple(Type::Object)).property("name", simple(Type::String)).property("node", simple(Type::String));
        object.required("name").required("node")
    };
    let problem = RefOr::<Schema>::Ref(Ref::from_schema_name("Problem"));
    let counts = ["members", "answered", "failed"];
    let counts = counts
        .into_iter()
        .fold(strict(simple(Type::Object)), |object, name| object.property(name, count()).required(name));
    one_of([
        member().property("reply", reply).required("reply").into(),
        member().property("problem", problem).required("problem").into(),
        strict(simple(Type::Object)).property("end", counts).required("end").into(),
    ])
}
