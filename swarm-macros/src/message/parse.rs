//! Owns what `#[swarm::message]` reads: its options and its item, with the schema of each field. Never generates.

use proc_macro2::TokenStream;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Data, DeriveInput, Error, Field, Fields, GenericParam, LitStr, Path, Token, Type, parenthesized,
    parse_quote,
};

use crate::json::Json;
use crate::mistakes::Mistakes;
use crate::travel::{self, Fault};
use crate::{options, paths};

/// The options of the attribute.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) name: Option<String>,
    pub(crate) reply: Option<Type>,
    pub(crate) cycle: Vec<Type>,
    pub(crate) krate: Option<Path>,
    pub(crate) json: bool,
}

impl Options {
    /// The options that can be read; the others are mistakes.
    pub(crate) fn read(tokens: TokenStream, mistakes: &mut Mistakes) -> Self {
        let mut found = Self::default();
        options::read(tokens, mistakes, |input, _| found.option(input));
        found
    }

    fn option(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        let keyword = options::keyword(input)?;
        match keyword.to_string().as_str() {
            "name" => self.name = Some(options::text(input)?.value()),
            "crate" => self.krate = Some(options::path(input)?),
            "json" => {
                options::alone("json", input)?;
                self.json = true;
            }
            "reply" => {
                input.parse::<Token![=]>()?;
                self.reply = Some(input.parse()?);
            }
            "cycle" => {
                let content;
                parenthesized!(content in input);
                let types = Punctuated::<Type, Token![,]>::parse_terminated(&content)?;
                self.cycle.extend(types);
            }
            _ => {
                let text = "a message has the options `name = \"..\"`, `reply = Type`, `cycle(Type, ..)`, `json` and \
                            `crate = path`";
                return Err(Error::new(keyword.span(), text));
            }
        }
        Ok(())
    }
}

/// A message type as its user wrote it, ready to be expanded.
pub(crate) struct Message {
    /// The item without our attributes, and with rkyv's on its fields.
    pub(crate) item: DeriveInput,
    pub(crate) wire: String,
    pub(crate) private: Path,
    pub(crate) reply: Option<Type>,
    pub(crate) cycle: Vec<Type>,
    /// What it needs so as to be JSON as well.
    pub(crate) json: Option<Json>,
    pub(crate) variants: Vec<Variant>,
    /// Attributes of every generated item (`#[cfg]`).
    pub(crate) cfg: Vec<Attribute>,
    /// It holds something that no generated code can carry.
    pub(crate) hopeless: bool,
    /// A type parameter stands only inside the type itself, so rkyv needs its bounds.
    pub(crate) recursive: bool,
}

/// A variant of an enum, or the fields of a struct (which have no name).
pub(crate) struct Variant {
    pub(crate) name: Option<String>,
    pub(crate) fields: Vec<Schema>,
    pub(crate) cfg: Vec<Attribute>,
}

/// The schema of one field.
pub(crate) struct Schema {
    pub(crate) name: String,
    pub(crate) of: Of,
    pub(crate) cfg: Vec<Attribute>,
}

/// Where the schema of a field comes from.
pub(crate) enum Of {
    /// Its type, with circles cut.
    Type { ty: Type, generic: bool },
    /// `#[swarm(schema = "..")]`.
    Name(String),
}

impl Message {
    /// Reads an item.
    pub(crate) fn read(item: TokenStream, options: Options, mistakes: &mut Mistakes) -> syn::Result<Self> {
        let item: DeriveInput = syn::parse2(item)?;
        let private = options::private(options.krate.as_ref());
        let wire = options.name.unwrap_or_else(|| item.ident.unraw().to_string());
        let reply = options.reply.filter(|reply| travel::check(reply, mistakes).is_ok());
        let mut message = Self::of(item, wire, private, options.cycle, mistakes)?;
        message.reply = reply;
        message.json = options.json.then(|| Json::of(&message.item));
        Ok(message)
    }

    /// The message that `item` is.
    pub(crate) fn of(
        mut item: DeriveInput,
        wire: String,
        private: Path,
        cycle: Vec<Type>,
        mistakes: &mut Mistakes,
    ) -> syn::Result<Self> {
        let mut message = Self {
            wire,
            private,
            reply: None,
            cycle,
            json: None,
            variants: Vec::new(),
            cfg: item.attrs.iter().filter(|attribute| is_cfg(attribute)).cloned().collect(),
            hopeless: false,
            recursive: false,
            item: item.clone(),
        };
        for param in &item.generics.params {
            if let GenericParam::Lifetime(lifetime) = param {
                message.hopeless = true;
                mistakes
                    .at(lifetime, "a message owns what it carries: remove the lifetime, and write `String` for `&str`");
            }
        }
        let mut variants = Vec::new();
        match &mut item.data {
            Data::Struct(data) => variants.push(Variant {
                name: None,
                fields: message.fields(&mut data.fields, mistakes),
                cfg: Vec::new(),
            }),
            Data::Enum(data) => {
                for variant in &mut data.variants {
                    variants.push(Variant {
                        name: Some(variant.ident.unraw().to_string()),
                        fields: message.fields(&mut variant.fields, mistakes),
                        cfg: variant.attrs.iter().filter(|attribute| is_cfg(attribute)).cloned().collect(),
                    });
                }
            }
            Data::Union(data) => {
                return Err(Error::new(data.union_token.span, "a union does not say what it holds: write an enum"));
            }
        }
        message.variants = variants;
        message.item = item;
        Ok(message)
    }

    fn fields(&mut self, fields: &mut Fields, mistakes: &mut Mistakes) -> Vec<Schema> {
        let read = |(index, field): (usize, &mut Field)| {
            let name = field.ident.as_ref().map_or_else(|| index.to_string(), |ident| ident.unraw().to_string());
            Schema { name, of: self.field(field, mistakes), cfg: cfgs(&field.attrs) }
        };
        fields.iter_mut().enumerate().map(read).collect()
    }

    fn field(&mut self, field: &mut Field, mistakes: &mut Mistakes) -> Of {
        let named = take_schema(&mut field.attrs, mistakes);
        let private = &self.private;
        let mut cutter = paths::Cutter { own: &self.item.ident, cycle: &self.cycle, private, found: false };
        let cut = cutter.cut(&field.ty);
        let circular = cutter.found;
        let generic = paths::mentions(&field.ty, &self.item.generics);
        self.recursive |= circular && generic;
        if circular {
            field.attrs.push(parse_quote!(#[rkyv(omit_bounds)]));
        }
        if let Some(named) = named {
            return Of::Name(named);
        }
        // A field that borrows is the same mistake as the type's lifetime.
        let mut same = Mistakes::default();
        let mistakes = if self.item.generics.lifetimes().next().is_some() { &mut same } else { mistakes };
        match travel::check(&field.ty, mistakes) {
            Ok(()) => Of::Type { ty: cut, generic },
            Err(fault) => {
                self.hopeless |= fault == Fault::Hopeless;
                field.attrs.push(parse_quote!(#[rkyv(with = #private::Mistaken)]));
                Of::Name("mistaken".into())
            }
        }
    }
}

/// Takes `#[swarm(schema = "..")]` off a field.
fn take_schema(attributes: &mut Vec<Attribute>, mistakes: &mut Mistakes) -> Option<String> {
    let mut schema = None;
    attributes.retain(|attribute| {
        if !attribute.path().is_ident("swarm") {
            return true;
        }
        let read = attribute.parse_args_with(|input: ParseStream<'_>| {
            let keyword = options::keyword(input)?;
            if keyword != "schema" {
                return Err(Error::new(keyword.span(), "a field has the option `#[swarm(schema = \"name@1\")]`"));
            }
            let text: LitStr = options::text(input)?;
            Ok(text.value())
        });
        schema = mistakes.take(read).or(Some("mistaken".into()));
        false
    });
    schema
}

/// The `#[cfg]`s among attributes.
pub(crate) fn cfgs(attributes: &[Attribute]) -> Vec<Attribute> {
    attributes.iter().filter(|attribute| is_cfg(attribute)).cloned().collect()
}

fn is_cfg(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
}
