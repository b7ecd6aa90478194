//! Owns how much memory may be made of a JSON text: as a value is read, every piece of it is charged. Never changes what a text means, but that
//! what has fields with names is told by their names, and a whole number may be written with a point: to JSON Schema `1.0` is an integer.
//!
//! A short text can tell a large value: `[{},{},..]` for a list of structs whose fields all have defaults takes three bytes for each. Only
//! the reader of a piece knows its type, and so its size; it passes here with each.

use std::cell::Cell;
use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
};

use super::JSON_BYTES_MAX;

/// What the pieces of one value may take together, of which those of a list count twice: for the list and for themselves. Half a million
/// numbers, which is what fits into a text, take a quarter of it. A list that grows may take twice its size for a moment.
const VALUE_BYTES_MAX: usize = 32 * JSON_BYTES_MAX;

/// What is left of it.
pub(super) struct Budget(Cell<usize>);

impl Default for Budget {
    fn default() -> Self {
        Self(Cell::new(VALUE_BYTES_MAX))
    }
}

impl Budget {
    fn charge<T, E: Error>(&self) -> Result<(), E> {
        let left = self.0.get().checked_sub(size_of::<T>());
        let left = left.ok_or_else(|| {
            E::custom(format_args!("the value takes more than the {VALUE_BYTES_MAX} bytes that one may: send less"))
        })?;
        self.0.set(left);
        Ok(())
    }
}

/// What reads within a budget: a deserializer, and all that it is made of.
pub(super) struct Bounded<'b, T> {
    inner: T,
    budget: &'b Budget,
    wanted: Wanted,
}

/// What is read otherwise than serde would.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// Nothing.
    Any,
    /// The fields of a struct: an object, and no list.
    Fields,
    /// A whole number.
    Integer,
}

/// As far as this (2⁵⁰) a whole number with a point is taken for one. Its reader may be wrong by up to three roundings to 53 bits, which is less
/// than a half up to there: beyond, what has been read may be another whole number than what was written.
const EXACT_MAX: f64 = 1_125_899_906_842_624.0;

impl<'b, T> Bounded<'b, T> {
    pub(super) fn new(inner: T, budget: &'b Budget) -> Self {
        Self { inner, budget, wanted: Wanted::Any }
    }

    fn wanted(inner: T, budget: &'b Budget, wanted: Wanted) -> Self {
        Self { inner, budget, wanted }
    }
}

macro_rules! forward {
    ($wanted:ident: $($method:ident($($argument:ident: $type:ty),*);)*) => {$(
        fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            self.budget.charge::<V::Value, _>()?;
            self.inner.$method($($argument,)* Bounded::wanted(visitor, self.budget, Wanted::$wanted))
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Bounded<'_, D> {
    type Error = D::Error;

    forward! {
        Integer:
        deserialize_i8(); deserialize_i16(); deserialize_i32(); deserialize_i64(); deserialize_i128();
        deserialize_u8(); deserialize_u16(); deserialize_u32(); deserialize_u64(); deserialize_u128();
    }

    forward! {
        Any:
        deserialize_any(); deserialize_bool(); deserialize_f32(); deserialize_f64(); deserialize_char(); deserialize_str(); deserialize_string();
        deserialize_bytes(); deserialize_byte_buf(); deserialize_option(); deserialize_unit(); deserialize_seq();
        deserialize_map(); deserialize_identifier(); deserialize_ignored_any();
        deserialize_unit_struct(name: &'static str); deserialize_newtype_struct(name: &'static str);
        deserialize_tuple(len: usize); deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
    }

    forward! {
        Fields:
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! visit {
    ($($method:ident: $type:ty),* $(,)?) => {$(
        fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.inner.$method(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Bounded<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    visit! {
        visit_bool: bool, visit_i8: i8, visit_i16: i16, visit_i32: i32, visit_i64: i64, visit_i128: i128, visit_u8: u8,
        visit_u16: u16, visit_u32: u32, visit_u64: u64, visit_u128: u128, visit_f32: f32, visit_char: char,
        visit_str: &str, visit_borrowed_str: &'de str, visit_string: String, visit_bytes: &[u8],
        visit_borrowed_bytes: &'de [u8], visit_byte_buf: Vec<u8>,
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<V::Value, E> {
        // It is whole, so that nothing is cut off.
        if self.wanted == Wanted::Integer && value.fract() == 0.0 && value.abs() <= EXACT_MAX {
            return self.inner.visit_i64(value as i64);
        }
        self.inner.visit_f64(value)
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.inner.visit_some(Bounded::new(deserializer, self.budget))
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.inner.visit_newtype_struct(Bounded::new(deserializer, self.budget))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        if self.wanted == Wanted::Fields {
            return Err(A::Error::invalid_type(Unexpected::Seq, &self));
        }
        self.inner.visit_seq(Bounded::new(access, self.budget))
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        self.inner.visit_map(Bounded::new(access, self.budget))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        self.inner.visit_enum(Bounded::new(access, self.budget))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Bounded<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(Bounded::new(deserializer, self.budget))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Bounded<'_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        // What takes its memory although it is told by nothing that is charged.
        self.budget.charge::<S::Value, _>()?;
        self.inner.next_element_seed(Bounded::new(seed, self.budget))
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Bounded<'_, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.inner.next_key_seed(Bounded::new(seed, self.budget))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.next_value_seed(Bounded::new(seed, self.budget))
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, 'b, A: EnumAccess<'de>> EnumAccess<'de> for Bounded<'b, A> {
    type Error = A::Error;
    type Variant = Bounded<'b, A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let (value, variant) = self.inner.variant_seed(Bounded::new(seed, self.budget))?;
        Ok((value, Bounded::new(variant, self.budget)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Bounded<'_, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.newtype_variant_seed(Bounded::new(seed, self.budget))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.inner.tuple_variant(len, Bounded::new(visitor, self.budget))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.inner.struct_variant(fields, Bounded::wanted(visitor, self.budget, Wanted::Fields))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Wide {
        numbers: [u128; 32],
        next: Option<Box<Wide>>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    enum Shape {
        Point,
        Circle(f32),
        Line(i8, i8),
        Square { side: u16 },
    }

    fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
        let mut json = serde_json::Deserializer::from_str(text);
        T::deserialize(Bounded::new(&mut json, &Budget::default())).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_small_is_read_as_without_a_budget() {
        let text = r#"["Point",{"Circle":0.5},{"Line":[-1,2]},{"Square":{"side":3}}]"#;
        let shapes = vec![Shape::Point, Shape::Circle(0.5), Shape::Line(-1, 2), Shape::Square { side: 3 }];
        assert_eq!(read::<Vec<Shape>>(text), Ok(shapes));
        type Value<'a> = (i128, BTreeMap<u8, Option<char>>, &'a str, Result<(), bool>, [u64; 2]);
        let text = r#"[-170141183460469231731687303715884105728,{"7":"x","8":null},"as it is",{"Err":true},[1,18446744073709551615]]"#;
        let map = BTreeMap::from([(7, Some('x')), (8, None)]);
        assert_eq!(read::<Value<'_>>(text), Ok((i128::MIN, map, "as it is", Err(true), [1, u64::MAX])));
        assert_eq!(read::<Wide>(r#"{"next":{"next":null}}"#).map(|wide| wide.next), Ok(Some(Box::default())));
        assert!(read::<serde_json::Value>(r#"{"a":[1,{"b":null}]}"#).is_ok());
    }

    #[test]
    fn a_short_text_does_not_tell_a_large_value() {
        let many = |piece: &str, count: usize| format!("[{}{piece}]", format!("{piece},").repeat(count - 1));
        assert!(read::<Vec<Wide>>(&many("{}", 10_000)).is_ok());
        let refused = read::<Vec<Wide>>(&many("{}", 100_000)).expect_err("fifty megabytes in a third of one");
        assert!(refused.contains("more than the 33554432 bytes"), "{refused}");
        let refused = read::<Vec<Option<Wide>>>(&many("null", 100_000)).expect_err("fifty megabytes in half of one");
        assert!(refused.contains("more than the 33554432 bytes"), "{refused}");
        // What is behind a pointer is of no size to who holds the pointer.
        let refused = read::<Vec<Option<Box<Wide>>>>(&many("{}", 100_000)).expect_err("fifty megabytes all the same");
        assert!(refused.contains("more than the 33554432 bytes"), "{refused}");
        // The largest that is meant: as many numbers as a text holds.
        assert!(read::<Vec<u64>>(&many("1", JSON_BYTES_MAX / 2)).is_ok());
    }

    #[test]
    fn a_whole_number_may_have_a_point() {
        assert_eq!(read::<Vec<u64>>("[1.0, 2e3, 1125899906842623.0]"), Ok(vec![1, 2_000, (1 << 50) - 1]));
        assert_eq!(read::<Vec<i8>>("[-1.0, -0.0]"), Ok(vec![-1, 0]));
        assert_eq!(read::<Vec<f64>>("[1.0, 1]"), Ok(vec![1.0, 1.0]));
        // What is not whole, has no place in the type, or may have been another number.
        for text in ["1.5", "-1.0", "256.0", "1e300"] {
            assert!(read::<u8>(text).is_err(), "{text}");
        }
        assert!(read::<u64>("9007199254740991.0").is_err());
        assert!(read::<String>("1.0").is_err());
    }

    #[test]
    fn what_has_names_is_told_by_them() {
        let refused = read::<Vec<Shape>>(r#"[{"Square":[3]}]"#).expect_err("an array");
        assert!(refused.starts_with("invalid type: sequence"), "{refused}");
        assert!(read::<Wide>("[]").is_err());
        assert_eq!(read::<(u8,)>("[1]"), Ok((1,)), "a tuple is one");
    }
}
