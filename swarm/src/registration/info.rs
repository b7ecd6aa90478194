#![allow(
    missing_docs,
    reason = "the resolvers that rkyv derives have no place for docs; everything else here has them"
)]
//! Owns what a node tells other nodes and tools about a worker type that they do not have: plain data. Never loses a field: they are only
//! ever added, and who reads what a later node says passes over what it does not know.

use std::collections::BTreeMap;

use rkyv::{Archive, Deserialize, Serialize};

use super::{Entry, MethodInfo};
use crate::worker::{FieldShape, JsonType, KindShape, MessageShape, VariantShape};

/// How many types of a worker type's messages are told.
const TYPES_MAX: usize = 256;

/// A worker type.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
#[rkyv(attr(doc(hidden)))]
#[serde(default)]
#[non_exhaustive]
pub struct KindInfo {
    /// Its wire name.
    pub kind: String,
    /// Programs that are no members may reach it.
    pub public: bool,
    /// It is marked `json`: its messages can be sent as JSON. Of others only the names of their messages are told.
    pub json: bool,
    /// What its `#[init]` is there for.
    pub docs: String,
    /// The arguments of its `#[init]`.
    pub init: Vec<FieldInfo>,
    /// Its messages, in the order of their methods.
    pub messages: Vec<MessageInfo>,
    /// The types that are named in fields and replies and have fields or variants of their own, those in these as well, by their names; 256 at
    /// most.
    pub types: Vec<TypeInfo>,
}

/// A type that is part of messages.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
#[rkyv(attr(doc(hidden)))]
#[serde(default)]
#[non_exhaustive]
pub struct TypeInfo {
    /// Its wire name. Instantiations of a generic type have one.
    pub name: String,
    /// What its JSON may be: one for a struct, and one for each variant of an enum.
    pub takes: Vec<VariantInfo>,
}

/// A message: see [`MessageShape`].
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
#[rkyv(attr(doc(hidden)))]
#[serde(default)]
#[non_exhaustive]
pub struct MessageInfo {
    /// Its wire name.
    pub message: String,
    /// The method that handles it; empty if the type is not marked `json`.
    pub method: String,
    /// It has no reply.
    pub cast: bool,
    /// The method's documentation.
    pub docs: String,
    /// What its JSON may be; nothing if only the type itself knows.
    pub takes: Option<Vec<VariantInfo>>,
    /// The type of its reply, as it was written.
    pub reply: String,
}

/// A struct, or a variant of an enum: see [`VariantShape`].
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
#[rkyv(attr(doc(hidden)))]
#[serde(default)]
#[non_exhaustive]
pub struct VariantInfo {
    /// The variant's name; empty for a struct.
    pub name: String,
    /// Its documentation.
    pub docs: String,
    /// Its fields have names.
    pub named: bool,
    /// Its fields.
    pub fields: Vec<FieldInfo>,
}

/// A field: see [`FieldShape`].
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
#[rkyv(attr(doc(hidden)))]
#[serde(default)]
#[non_exhaustive]
pub struct FieldInfo {
    /// Its name, or its number if it has none.
    pub name: String,
    /// Its type, as it was written.
    #[serde(rename = "type")]
    pub ty: String,
    /// Its documentation.
    pub docs: String,
}

impl Entry {
    /// What is told of this worker type.
    pub fn info(&self) -> KindInfo {
        let (kind, public) = (self.name.to_owned(), self.public);
        match self.shape {
            Some(shape) => KindInfo {
                kind,
                public,
                json: true,
                docs: shape.init.docs.to_owned(),
                init: shape.init.fields.iter().map(FieldInfo::of).collect(),
                messages: shape.messages.iter().map(MessageInfo::of).collect(),
                types: types(shape),
            },
            None => {
                let messages = (self.methods)().into_iter().map(MessageInfo::named).collect();
                KindInfo { kind, public, messages, ..KindInfo::default() }
            }
        }
    }
}

/// The types that a worker type's messages consist of.
fn types(shape: &KindShape) -> Vec<TypeInfo> {
    let fields_of =
        |takes: &'static [VariantShape]| takes.iter().flat_map(|variant| variant.fields).map(|field| field.of);
    let init = shape.init.fields.iter().map(|field| field.of);
    let messages = shape.messages.iter();
    let said = messages.flat_map(|message| fields_of(message.takes.unwrap_or_default()).chain([message.reply_of]));
    let mut open: Vec<fn() -> JsonType> = init.chain(said).collect();
    let mut found = BTreeMap::<(&str, u64), &[VariantShape]>::new();
    while let Some(of) = open.pop() {
        match of() {
            JsonType::Nullable(of) | JsonType::Map(of) | JsonType::List { of, .. } => open.push(of),
            JsonType::Tuple(all) => open.extend(all),
            JsonType::Fallible(ok, err) => open.extend([ok, err]),
            // Those that contain themselves are looked into once.
            JsonType::Composite { name, id, takes } if found.len() < TYPES_MAX => {
                if found.insert((name, id), takes).is_none() {
                    open.extend(fields_of(takes));
                }
            }
            JsonType::Composite { .. } | JsonType::Any | JsonType::Null | JsonType::Bool => {}
            JsonType::Integer { .. } | JsonType::Number | JsonType::Char | JsonType::Text { .. } => {}
        }
    }
    let told = |((name, _), takes): (_, &[VariantShape])| TypeInfo {
        name: <str>::to_owned(name),
        takes: takes.iter().map(VariantInfo::of).collect(),
    };
    found.into_iter().map(told).collect()
}

impl MessageInfo {
    fn of(shape: &MessageShape) -> Self {
        Self {
            message: shape.message.to_owned(),
            method: shape.method.to_owned(),
            cast: shape.cast,
            docs: shape.docs.to_owned(),
            takes: shape.takes.map(|takes| takes.iter().map(VariantInfo::of).collect()),
            reply: shape.reply.to_owned(),
        }
    }

    fn named(method: MethodInfo) -> Self {
        Self { message: method.name.to_owned(), cast: method.cast, ..Self::default() }
    }
}

impl VariantInfo {
    fn of(shape: &VariantShape) -> Self {
        let VariantShape { name, docs, named, fields } = *shape;
        let fields = fields.iter().map(FieldInfo::of).collect();
        Self { name: name.to_owned(), docs: docs.to_owned(), named, fields }
    }
}

impl FieldInfo {
    fn of(shape: &FieldShape) -> Self {
        let FieldShape { name, ty, docs, of: _ } = *shape;
        Self { name: name.to_owned(), ty: ty.to_owned(), docs: docs.to_owned() }
    }
}
