//! Owns what a message needs so as to be JSON as well: serde's derives, and the description of its fields. Never says what is wrong with a
//! type; that is the compiler's.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Attribute, Data, DeriveInput, Expr, ExprLit, Field, Fields, Generics, Lit, Meta, Path, Type, Variant};

use crate::message::parse::{Message, cfgs};
use crate::mistakes::Mistakes;
use crate::paths;
use crate::travel;

/// How a message becomes JSON.
pub(crate) struct Json {
    /// Which of serde's traits are derived; the others its user derives.
    serialize: bool,
    deserialize: bool,
    /// The user has something to say to serde: what becomes of the fields is not ours to tell.
    attributes: bool,
    /// The user has nothing to say to serde about the whole.
    plain: bool,
    /// What is no field is refused.
    strict: bool,
    /// It has no braces: `{}` stands for it as well as `null`.
    unit: bool,
}

impl Json {
    /// What `item` needs.
    pub(crate) fn of(item: &DeriveInput) -> Self {
        let own: Vec<_> = item.attrs.iter().filter(|attribute| is_serde(attribute)).collect();
        let inner: Vec<_> = inner(item).filter(|attribute| is_serde(attribute)).collect();
        let flat = inner.iter().any(|attribute| paths::contains(attribute.to_token_stream(), "flatten"));
        let unit = matches!(&item.data, Data::Struct(data) if matches!(data.fields, Fields::Unit));
        Self {
            serialize: !derives(item, "Serialize"),
            deserialize: !derives(item, "Deserialize"),
            attributes: !own.is_empty() || !inner.is_empty(),
            plain: own.is_empty(),
            strict: own.is_empty() && !flat,
            unit: unit && own.is_empty(),
        }
    }

    /// The checks that the fields can be JSON. With attributes for serde a field may be something else to it than its type.
    pub(crate) fn checks(&self, message: &Message) -> TokenStream {
        let Message { private, item, .. } = message;
        if self.attributes || !(self.serialize && self.deserialize) {
            return TokenStream::new();
        }
        let checked = |field: &&Field| {
            let fine = travel::check(&field.ty, &mut Mistakes::default()).is_ok();
            fine && !paths::mentions(&field.ty, &item.generics)
        };
        let types = fields(item).filter(checked).map(|field| {
            let cfg = cfgs(&field.attrs);
            (&field.ty, quote!(#(#cfg)*))
        });
        travel::are_json(types, private)
    }

    /// The derives.
    pub(crate) fn derives(&self, generics: &Generics, private: &Path) -> TokenStream {
        let serialize = self.serialize.then(|| quote!(#private::serde::Serialize,));
        let deserialize = (self.deserialize && !self.unit).then(|| quote!(#private::serde::Deserialize,));
        if serialize.is_none() && deserialize.is_none() {
            return TokenStream::new();
        }
        let serde = quote!(#private::serde).to_string();
        let strict = (self.strict && deserialize.is_some()).then(|| quote!(, deny_unknown_fields));
        let bounds = self.plain.then(|| bounds(generics, private));
        quote! {
            #[derive(#serialize #deserialize)]
            #[serde(crate = #serde #strict #bounds)]
        }
    }

    /// What is not derived.
    pub(crate) fn impls(&self, message: &Message, generics: &Generics) -> TokenStream {
        let Message { private, cfg, item, .. } = message;
        let ident = &item.ident;
        let (impls, types, bounds) = generics.split_for_impl();
        let takes = takes(item, private);
        let described = (!self.attributes).then(|| {
            quote! {
                #(#cfg)*
                #[automatically_derived]
                impl #impls #private::Described for #ident #types #bounds {
                    const TAKES: &'static [#private::VariantShape] = {
                        #[allow(unused_imports)]
                        use #private::Untold as _;
                        #takes
                    };
                }
                #(#cfg)*
                #[automatically_derived]
                impl #impls #private::Shaped for #ident #types #bounds {
                    fn json_type() -> #private::JsonType {
                        #private::JsonType::Composite {
                            name: <Self as #private::Message>::NAME,
                            id: <Self as #private::Message>::ID,
                            takes: <Self as #private::Described>::TAKES,
                        }
                    }
                }
            }
        });
        let unit = (self.unit && self.deserialize).then(|| {
            let nothing = nothing(ident, private);
            quote!(#(#cfg)* #nothing)
        });
        quote!(#described #unit)
    }
}

/// What type parameters need, as `swarm::Json` has it: serde's own `Deserialize<'de>` beside that would be ambiguous.
pub(crate) fn bounds(generics: &Generics, private: &Path) -> TokenStream {
    let params: Vec<_> = generics.type_params().map(|param| &param.ident).collect();
    if params.is_empty() {
        return TokenStream::new();
    }
    let serialize = quote!(#(#params: #private::serde::Serialize),*).to_string();
    let deserialize = quote!(#(#params: #private::serde::de::DeserializeOwned),*).to_string();
    quote!(, bound(serialize = #serialize, deserialize = #deserialize))
}

/// Reads a struct without fields.
pub(crate) fn nothing(ident: &syn::Ident, private: &Path) -> TokenStream {
    quote! {
        #[automatically_derived]
        impl<'de> #private::serde::Deserialize<'de> for #ident {
            fn deserialize<__D: #private::serde::Deserializer<'de>>(from: __D) -> #private::Result<Self, __D::Error> {
                #private::no_fields(from).map(|()| Self)
            }
        }
    }
}

fn is_serde(attribute: &Attribute) -> bool {
    attribute.path().is_ident("serde")
}

/// The attributes of fields and variants.
fn inner(item: &DeriveInput) -> impl Iterator<Item = &Attribute> {
    variants(item).flat_map(|variant| &variant.attrs).chain(fields(item).flat_map(|field| &field.attrs))
}

fn fields(item: &DeriveInput) -> impl Iterator<Item = &Field> {
    let of_struct = match &item.data {
        Data::Struct(data) => Some(&data.fields),
        Data::Enum(_) | Data::Union(_) => None,
    };
    of_struct.into_iter().chain(variants(item).map(|variant| &variant.fields)).flatten()
}

fn variants(item: &DeriveInput) -> impl Iterator<Item = &Variant> {
    let variants = match &item.data {
        Data::Enum(data) => Some(&data.variants),
        Data::Struct(_) | Data::Union(_) => None,
    };
    variants.into_iter().flatten()
}

/// Whether the user derives serde's trait of this name below our attribute. rkyv's have the same names.
fn derives(item: &DeriveInput, name: &str) -> bool {
    item.attrs.iter().filter(|attribute| attribute.path().is_ident("derive")).any(|attribute| {
        let mut found = false;
        // What is no list of paths is the compiler's to refuse.
        let _ = attribute.parse_nested_meta(|meta| {
            let (first, last) = (meta.path.segments.first(), meta.path.segments.last());
            found |= last.is_some_and(|last| last.ident == name) && first.is_some_and(|first| first.ident != "rkyv");
            Ok(())
        });
        found
    })
}

/// What its JSON may be.
fn takes(item: &DeriveInput, private: &Path) -> TokenStream {
    let variants: Vec<TokenStream> = match &item.data {
        Data::Struct(data) => vec![variant("", "", &[], &data.fields, private)],
        Data::Enum(data) => {
            let of = |found: &Variant| {
                let name = found.ident.unraw().to_string();
                variant(&name, &docs(&found.attrs), &cfgs(&found.attrs), &found.fields, private)
            };
            data.variants.iter().map(of).collect()
        }
        Data::Union(_) => Vec::new(),
    };
    quote!(&[#(#variants),*])
}

fn variant(name: &str, docs: &str, cfg: &[Attribute], fields: &Fields, private: &Path) -> TokenStream {
    let named = !matches!(fields, Fields::Unnamed(_));
    let fields = fields.iter().enumerate().map(|(at, found): (usize, &Field)| {
        let name = found.ident.as_ref().map_or_else(|| at.to_string(), |ident| ident.unraw().to_string());
        field(&name, &found.ty, &self::docs(&found.attrs), &cfgs(&found.attrs), private)
    });
    quote! {
        #(#cfg)*
        #private::VariantShape { name: #name, docs: #docs, named: #named, fields: &[#(#fields),*] }
    }
}

/// One field of a description, with `Untold` in scope.
pub(crate) fn field(name: &str, ty: &Type, docs: &str, cfg: &[Attribute], private: &Path) -> TokenStream {
    let shown = travel::show(ty);
    quote!(#(#cfg)* #private::FieldShape { name: #name, ty: #shown, docs: #docs, of: #private::Told::<#ty>::OF })
}

/// The documentation that attributes hold.
pub(crate) fn docs(attributes: &[Attribute]) -> String {
    let line = |attribute: &Attribute| match &attribute.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
                let text = text.value();
                Some(text.strip_prefix(' ').map_or(text.clone(), str::to_owned))
            }
            _ => None,
        },
        _ => None,
    };
    attributes.iter().filter_map(line).collect::<Vec<_>>().join("\n").trim().to_owned()
}
