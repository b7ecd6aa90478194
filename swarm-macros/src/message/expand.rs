//! Owns what `#[swarm::message]` writes: rkyv's derives, the schema, the message. Never looks at the user's tokens
//! again; the model says it all.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::ext::IdentExt as _;
use syn::visit_mut::VisitMut as _;
use syn::{GenericParam, Generics, parse_quote};

use super::parse::{Message, Of, Schema, Variant};
use crate::{paths, travel};

/// The checks that the fields travel.
pub(crate) fn checks(message: &Message) -> TokenStream {
    let fields = message.variants.iter().flat_map(|variant| &variant.fields);
    let types = fields.filter_map(|field| match &field.of {
        Of::Type { ty, generic: false } => {
            let cfg = &field.cfg;
            Some((ty, quote!(#(#cfg)*)))
        }
        Of::Type { generic: true, .. } | Of::Name(_) => None,
    });
    let cfg = &message.cfg;
    let with = |checks: TokenStream| if checks.is_empty() { checks } else { quote!(#(#cfg)* #checks) };
    let travels = with(travel::travels(types, &message.private));
    let json = message.json.as_ref().map(|json| with(json.checks(message)));
    quote!(#travels #json)
}

/// The item and its impls.
pub(crate) fn expand(message: &Message) -> TokenStream {
    let item = item(message);
    let schema = schema(message);
    if message.hopeless {
        return quote!(#item #schema);
    }
    let impls = impls(message);
    let json = message.json.as_ref().map(|json| json.impls(message, &travelling(message)));
    quote!(#item #schema #impls #json)
}

fn item(message: &Message) -> TokenStream {
    let Message { item, private, .. } = message;
    if message.hopeless {
        let mut plain = item.clone();
        strip(&mut plain, message.json.is_some());
        return quote!(#plain);
    }
    let bounds = bounds(message);
    let hidden = quote!(#[rkyv(crate = #private::rkyv, attr(doc(hidden)))]);
    let (archived, item) = (archived(item), outward(item));
    let json = message.json.as_ref().map(|json| json.derives(&item.generics, private));
    quote! {
        #[derive(#private::rkyv::Archive, #private::rkyv::Serialize, #private::rkyv::Deserialize)]
        #hidden
        #archived
        #bounds
        #json
        #item
    }
}

/// Another name for the archived form of an enum whose usual one rkyv's derive has for something else, which it then takes for that. Users write
/// `Archived<Tag>` in any case.
fn archived(item: &syn::DeriveInput) -> TokenStream {
    let name = item.ident.unraw().to_string();
    if !taken(item).contains(&name) {
        return TokenStream::new();
    }
    let archived = format_ident!("ArchivedEnum{name}", span = item.ident.span());
    quote!(#[rkyv(archived = #archived)])
}

/// The names that derives define beside an enum's impls, for which variant it is and for these: those of rkyv have `Archived` before them.
fn taken(item: &syn::DeriveInput) -> Vec<String> {
    let syn::Data::Enum(data) = &item.data else { return Vec::new() };
    let variants = data.variants.iter().map(|variant| format!("Variant{}", variant.ident.unraw()));
    ["Tag", "Discriminant"].map(str::to_owned).into_iter().chain(variants).collect()
}

/// The item, whose fields name no type as a derive does that would take it for its own.
fn outward(item: &syn::DeriveInput) -> syn::DeriveInput {
    let mut item = item.clone();
    let params: Vec<String> = item.generics.type_params().map(|param| param.ident.to_string()).collect();
    let taken = taken(&item).into_iter().filter(|name| !params.contains(name)).collect();
    if let syn::Data::Enum(data) = &mut item.data {
        let mut outward = paths::Outward { taken };
        let fields = data.variants.iter_mut().flat_map(|variant| &mut variant.fields);
        fields.for_each(|field| outward.visit_type_mut(&mut field.ty));
    }
    item
}

/// Takes the attributes of derives off that are not there: nobody knows them.
fn strip(item: &mut syn::DeriveInput, json: bool) {
    let ours =
        |attribute: &syn::Attribute| !(attribute.path().is_ident("rkyv") || json && attribute.path().is_ident("serde"));
    item.attrs.retain(ours);
    match &mut item.data {
        syn::Data::Struct(data) => data.fields.iter_mut().for_each(|field| field.attrs.retain(ours)),
        syn::Data::Enum(data) => {
            for variant in &mut data.variants {
                variant.fields.iter_mut().for_each(|field| field.attrs.retain(ours));
            }
        }
        syn::Data::Union(_) => {}
    }
}

/// The bounds of a container, which stand in for those of its fields: so a type may contain itself.
fn bounds(message: &Message) -> TokenStream {
    let private = &message.private;
    let rkyv = quote!(#private::rkyv);
    let mut archive = TokenStream::new();
    let mut serialize = TokenStream::new();
    let mut deserialize = TokenStream::new();
    let mut check = TokenStream::new();
    if message.recursive {
        for param in message.item.generics.type_params() {
            let ident = &param.ident;
            archive.extend(quote!(#ident: #rkyv::Archive,));
            serialize.extend(quote!(#ident: #rkyv::Serialize<__S>,));
            deserialize.extend(quote!(<#ident as #rkyv::Archive>::Archived: #rkyv::Deserialize<#ident, __D>,));
            check.extend(quote!(<#ident as #rkyv::Archive>::Archived: #rkyv::bytecheck::CheckBytes<__C>,));
        }
        archive = quote!(#[rkyv(archive_bounds(#archive))]);
    }
    quote! {
        #archive
        #[rkyv(
            serialize_bounds(
                __S: #rkyv::ser::Writer + #rkyv::ser::Allocator,
                <__S as #rkyv::rancor::Fallible>::Error: #rkyv::rancor::Source,
                #serialize
            ),
            deserialize_bounds(<__D as #rkyv::rancor::Fallible>::Error: #rkyv::rancor::Source, #deserialize),
            bytecheck(bounds(
                __C: #rkyv::validation::ArchiveContext,
                <__C as #rkyv::rancor::Fallible>::Error: #rkyv::rancor::Source,
                #check
            ))
        )]
    }
}

/// The generics with what a message's impls need of their parameters.
fn travelling(message: &Message) -> Generics {
    let private = &message.private;
    let mut generics = message.item.generics.clone();
    for param in generics.type_params_mut() {
        param.bounds.push(parse_quote!(#private::Wire));
    }
    generics
}

fn schema(message: &Message) -> TokenStream {
    let Message { private, wire, cycle, cfg, item, .. } = message;
    let ident = &item.ident;
    let generics = travelling(message);
    let (impls, types, bounds) = generics.split_for_impl();
    let structure = message.variants.iter().map(|variant| structure(variant, private));
    let layout =
        (!message.hopeless).then(|| quote!(print = print.layout::<<Self as #private::rkyv::Archive>::Archived>();));
    let structure = quote! {{
        let mut print = #private::Fingerprint::of(#wire);
        #(#structure)*
        #layout
        print
    }};
    let consts = if cycle.is_empty() {
        quote!(const FINGERPRINT: #private::Fingerprint = #structure;)
    } else {
        quote! {
            const SHALLOW: #private::Fingerprint = #structure;
            const FINGERPRINT: #private::Fingerprint = {
                #private::closed(
                    <Self as #private::Message>::ID,
                    <Self as #private::Schema>::CYCLE,
                    &[#(<#cycle as #private::Schema>::CYCLE),*],
                );
                <Self as #private::Schema>::SHALLOW #(.with(<#cycle as #private::Schema>::SHALLOW))*
            };
            const CYCLE: &'static [#private::u64] = &[#(<#cycle as #private::Message>::ID),*];
        }
    };
    let flats = message.variants.iter().flat_map(|variant| &variant.fields).map(|field| flat(field, private));
    quote! {
        #(#cfg)*
        #[automatically_derived]
        impl #impls #private::Schema for #ident #types #bounds {
            #consts
            #[allow(unused_mut)]
            const FLAT: #private::bool = { let mut flat = true; #(#flats)* flat };
        }
    }
}

fn flat(Schema { of, cfg, .. }: &Schema, private: &syn::Path) -> TokenStream {
    let flat = match of {
        Of::Type { ty, .. } => quote!(<#ty as #private::Schema>::FLAT),
        Of::Name(_) => quote!(false),
    };
    quote!(#(#cfg)* { flat = flat && #flat; })
}

fn structure(variant: &Variant, private: &syn::Path) -> TokenStream {
    let cfg = &variant.cfg;
    let name = variant.name.as_ref().map(|name| quote!(print = print.variant(#name);));
    let fields = variant.fields.iter().map(|Schema { name, of, cfg }| {
        let of = match of {
            Of::Type { ty, .. } => quote!(<#ty as #private::Schema>::FINGERPRINT),
            Of::Name(name) => quote!(#private::Fingerprint::of(#name)),
        };
        quote!(#(#cfg)* { print = print.field(#name, #of); })
    });
    quote!(#(#cfg)* { #name #(#fields)* })
}

fn impls(message: &Message) -> TokenStream {
    let Message { private, wire, cfg, item, .. } = message;
    let ident = &item.ident;
    let generics = travelling(message);
    let (impls, types, bounds) = generics.split_for_impl();
    let arguments = item.generics.params.iter().filter_map(|param| match param {
        GenericParam::Type(ty) => {
            let ty = &ty.ident;
            Some(quote!(.with(<#ty as #private::Schema>::FINGERPRINT)))
        }
        GenericParam::Const(constant) => {
            let constant = &constant.ident;
            Some(quote!(.number(#constant as #private::u64)))
        }
        GenericParam::Lifetime(_) => None,
    });
    let declared = message.reply.as_ref().map(|reply| {
        quote! {
            const REPLY: #private::Option<#private::Fingerprint> =
                #private::Some(<#reply as #private::Schema>::FINGERPRINT);
        }
    });
    let answered = message.reply.as_ref().map(|reply| {
        quote! {
            #(#cfg)*
            #[automatically_derived]
            impl #impls #private::Answered<#reply> for #ident #types #bounds {}
        }
    });
    quote! {
        #(#cfg)*
        #[automatically_derived]
        impl #impls #private::Message for #ident #types #bounds {
            const NAME: &'static #private::str = #wire;
            const ID: #private::u64 = #private::Fingerprint::of(#wire)#(#arguments)*.0;
            #declared
        }
        #answered
    }
}
