//! Owns how what is known of the JSON of a type is told in JSON Schema. Never guesses: what is not known may be anything.

use std::collections::BTreeMap;

use utoipa::Number;
use utoipa::openapi::schema::{
    AdditionalProperties, AllOfBuilder, AnyOfBuilder, ArrayBuilder, ArrayItems, ObjectBuilder, OneOfBuilder,
    SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr, Schema};

use crate::worker::{FieldShape, JsonType, VariantShape};

/// The schemas of types with names, which others refer to.
#[derive(Default)]
pub(super) struct Schemas {
    named: BTreeMap<String, RefOr<Schema>>,
    /// What those are called that stand there, by their ids on the wire.
    names: BTreeMap<u64, String>,
}

impl Schemas {
    /// All that have been referred to.
    pub(super) fn named(self) -> BTreeMap<String, RefOr<Schema>> {
        self.named
    }

    /// Of a type.
    pub(super) fn of(&mut self, json: JsonType) -> RefOr<Schema> {
        match json {
            JsonType::Any => ObjectBuilder::new().schema_type(SchemaType::AnyValue).into(),
            JsonType::Null => simple(Type::Null).into(),
            JsonType::Bool => simple(Type::Boolean).into(),
            JsonType::Number => simple(Type::Number).into(),
            JsonType::Integer { signed, bits } => integer(signed, bits).into(),
            JsonType::Char => simple(Type::String).min_length(Some(1)).max_length(Some(1)).into(),
            JsonType::Text { format: "" } => simple(Type::String).into(),
            JsonType::Text { format } => {
                simple(Type::String).format(Some(SchemaFormat::Custom(format.to_owned()))).into()
            }
            JsonType::Nullable(of) => {
                let of = self.of(of());
                RefOr::T(Schema::AnyOf(AnyOfBuilder::new().item(of).item(simple(Type::Null)).build()))
            }
            JsonType::List { of, len } => {
                let array = ArrayBuilder::new().items(self.of(of())).min_items(len).max_items(len);
                RefOr::T(Schema::Array(array.build()))
            }
            JsonType::Map(of) => {
                let of = AdditionalProperties::RefOr(self.of(of()));
                simple(Type::Object).additional_properties(Some(of)).into()
            }
            JsonType::Tuple(of) => self.tuple(of.iter().map(|of| of())),
            JsonType::Fallible(ok, err) => {
                let (ok, err) = (self.of(ok()), self.of(err()));
                one_of([tagged("Ok", ok), tagged("Err", err)])
            }
            JsonType::Composite { name, id, takes } => self.message(name, id, takes),
        }
    }

    /// Of a struct, or an enum.
    pub(super) fn of_variants(&mut self, takes: &[VariantShape]) -> RefOr<Schema> {
        match takes {
            [only] if only.name.is_empty() => {
                let content = self.content(only);
                with_docs(content, only.docs)
            }
            variants => one_of(variants.iter().map(|variant| {
                let schema = if variant.named && variant.fields.is_empty() {
                    simple(Type::String).enum_values(Some([variant.name])).into()
                } else {
                    tagged(variant.name, self.content(variant))
                };
                with_docs(schema, variant.docs)
            })),
        }
    }

    /// Of fields with names.
    pub(super) fn of_fields(&mut self, fields: &[FieldShape]) -> RefOr<Schema> {
        if fields.is_empty() {
            // What has no fields may be said by `null` as well.
            let nothing = SchemaType::from_iter([Type::Object, Type::Null]);
            return strict(ObjectBuilder::new().schema_type(nothing)).into();
        }
        let mut object = strict(simple(Type::Object));
        for field in fields {
            let json = (field.of)();
            object = object.property(field.name, with_docs(self.of(json), field.docs));
            if !matches!(json, JsonType::Nullable(_)) {
                object = object.required(field.name);
            }
        }
        object.into()
    }

    fn content(&mut self, variant: &VariantShape) -> RefOr<Schema> {
        match variant.fields {
            fields if variant.named => self.of_fields(fields),
            [only] => self.of((only.of)()),
            fields => self.tuple(fields.iter().map(|field| (field.of)())),
        }
    }

    fn tuple(&mut self, of: impl ExactSizeIterator<Item = JsonType>) -> RefOr<Schema> {
        let len = Some(of.len());
        let of: Vec<Schema> = of.map(|of| whole(self.of(of))).collect();
        let array = ArrayBuilder::new().prefix_items(of).items(ArrayItems::False).min_items(len).max_items(len);
        RefOr::T(Schema::Array(array.build()))
    }

    /// By reference, so that it stands there once, and may contain itself.
    fn message(&mut self, name: &str, id: u64, takes: &[VariantShape]) -> RefOr<Schema> {
        if let Some(name) = self.names.get(&id) {
            return RefOr::Ref(Ref::from_schema_name(name));
        }
        // So OpenAPI wants its names.
        let plain = |letter: char| if letter.is_ascii_alphanumeric() || "._-".contains(letter) { letter } else { '.' };
        let mut called: String = name.chars().map(plain).collect();
        if self.named.contains_key(&called) {
            called.push_str(&format!("-{id:016x}"));
        }
        self.names.insert(id, called.clone());
        self.named.insert(called.clone(), simple(Type::Null).into());
        let schema = self.of_variants(takes);
        self.named.insert(called.clone(), schema);
        RefOr::Ref(Ref::from_schema_name(called))
    }
}

/// With its documentation.
pub(super) fn with_docs(schema: RefOr<Schema>, docs: &str) -> RefOr<Schema> {
    if docs.is_empty() {
        return schema;
    }
    let docs = docs.to_owned();
    match schema {
        RefOr::Ref(mut reference) => {
            reference.description = docs;
            RefOr::Ref(reference)
        }
        RefOr::T(mut schema) => {
            match &mut schema {
                Schema::Array(array) => array.description = Some(docs),
                Schema::Object(object) => object.description = Some(docs),
                Schema::OneOf(one_of) => one_of.description = Some(docs),
                Schema::AllOf(all_of) => all_of.description = Some(docs),
                Schema::AnyOf(any_of) => any_of.description = Some(docs),
                // There is no other in this version.
                _ => {}
            }
            RefOr::T(schema)
        }
    }
}

/// One of these.
pub(super) fn one_of(schemas: impl IntoIterator<Item = RefOr<Schema>>) -> RefOr<Schema> {
    RefOr::T(Schema::OneOf(schemas.into_iter().fold(OneOfBuilder::new(), OneOfBuilder::item).build()))
}

/// Any of these, of which several may be the same.
pub(super) fn any_of(mut schemas: Vec<RefOr<Schema>>) -> RefOr<Schema> {
    match (schemas.len(), schemas.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            let all = schemas.into_iter().chain(last).fold(AnyOfBuilder::new(), AnyOfBuilder::item);
            RefOr::T(Schema::AnyOf(all.build()))
        }
    }
}

pub(super) fn simple(of: Type) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(of)
}

/// Of no other fields.
pub(super) fn strict(object: ObjectBuilder) -> ObjectBuilder {
    object.additional_properties(Some(AdditionalProperties::FreeForm(false)))
}

fn tagged(name: &str, content: RefOr<Schema>) -> RefOr<Schema> {
    strict(simple(Type::Object)).property(name, content).required(name).into()
}

/// Where a reference cannot stand.
fn whole(schema: RefOr<Schema>) -> Schema {
    match schema {
        RefOr::T(schema) => schema,
        reference @ RefOr::Ref(_) => Schema::AllOf(AllOfBuilder::new().item(reference).build()),
    }
}

fn integer(signed: bool, bits: u32) -> ObjectBuilder {
    let object = simple(Type::Integer);
    match (signed, bits) {
        (false, 0..64) => {
            object.minimum(Some(0_usize)).maximum(usize::try_from((1_u64 << bits) - 1).ok().map(Number::from))
        }
        (false, 64) => object.minimum(Some(0_usize)).maximum(usize::try_from(u64::MAX).ok().map(Number::from)),
        (false, _) => object.minimum(Some(0_usize)),
        (true, 1..=64) => {
            let most = i64::MAX >> (64 - bits);
            let number = |number: i64| isize::try_from(number).ok().map(Number::from);
            object.minimum(number(-most - 1)).maximum(number(most))
        }
        (true, _) => object,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::worker::Shaped;

    fn schema<T: Shaped>() -> Value {
        serde_json::to_value(Schemas::default().of(T::json_type())).expect("it is JSON")
    }

    #[test]
    fn rusts_own_types_are_told_as_serde_has_them() {
        assert_eq!(schema::<u8>(), json!({"type": "integer", "minimum": 0, "maximum": 255}));
        assert_eq!(schema::<i16>(), json!({"type": "integer", "minimum": -32768, "maximum": 32767}));
        assert_eq!(schema::<u64>()["maximum"], json!(u64::MAX));
        assert_eq!(schema::<i64>()["minimum"], json!(i64::MIN));
        assert_eq!(schema::<u128>(), json!({"type": "integer", "minimum": 0}));
        assert_eq!(schema::<char>(), json!({"type": "string", "minLength": 1, "maxLength": 1}));
        assert_eq!(schema::<Option<bool>>(), json!({"anyOf": [{"type": "boolean"}, {"type": "null"}]}));
        assert_eq!(schema::<Vec<String>>(), json!({"type": "array", "items": {"type": "string"}}));
        assert_eq!(
            schema::<[f64; 2]>(),
            json!({"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2})
        );
        let pair = json!({
            "type": "array", "prefixItems": [{"type": "boolean"}, {"type": "null"}], "items": false, "minItems": 2, "maxItems": 2
        });
        assert_eq!(schema::<(bool, ())>(), pair);
        let map = json!({"type": "object", "additionalProperties": {"type": "string"}});
        assert_eq!(schema::<std::collections::BTreeMap<u8, String>>(), map);
        let result = json!({"oneOf": [
            {"type": "object", "properties": {"Ok": {"type": "null"}}, "required": ["Ok"], "additionalProperties": false},
            {"type": "object", "properties": {"Err": {"type": "string"}}, "required": ["Err"], "additionalProperties": false},
        ]});
        assert_eq!(schema::<Result<(), String>>(), result);
    }

    /// A type that contains itself, and one that has the same name.
    #[test]
    fn a_type_with_a_name_stands_there_once() {
        fn tree() -> JsonType {
            const BRANCHES: FieldShape = FieldShape {
                name: "branches",
                ty: "Vec<Tree>",
                docs: "",
                of: || JsonType::List { of: tree, len: None },
            };
            const TREE: VariantShape = VariantShape { name: "", docs: "", named: true, fields: &[BRANCHES] };
            JsonType::Composite { name: "a::Tree", id: 1, takes: &[TREE] }
        }
        let other = || JsonType::Composite { name: "a::Tree", id: 2, takes: &[] };
        let mut schemas = Schemas::default();
        let both = [schemas.of(tree()), schemas.of(tree()), schemas.of(other())];
        let both = both.map(|schema| serde_json::to_value(schema).expect("it is JSON")["$ref"].clone());
        let names = [
            "#/components/schemas/a..Tree",
            "#/components/schemas/a..Tree",
            "#/components/schemas/a..Tree-0000000000000002",
        ];
        assert_eq!(both, names.map(Value::from));
        let named = schemas.named();
        let tree = serde_json::to_value(&named["a..Tree"]).expect("it is JSON");
        assert_eq!(tree["properties"]["branches"]["items"]["$ref"], json!("#/components/schemas/a..Tree"));
    }
}
