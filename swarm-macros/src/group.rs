//! Owns `#[derive(swarm::Group)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{DeriveInput, Error, LitStr, Path, Token, Type};

use crate::mistakes::Mistakes;
use crate::options;

#[derive(Default)]
struct Options {
    worker: Option<Type>,
    name: Option<LitStr>,
    krate: Option<Path>,
}

/// The group that a tag is.
pub(crate) fn group(item: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(item) {
        Ok(input) => input,
        Err(error) => return error.into_compile_error(),
    };
    let mut mistakes = Mistakes::default();
    let mut found = Options::default();
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("group")) {
        let read = attribute.parse_args_with(|input: ParseStream<'_>| found.read(input));
        mistakes.take(read);
    }
    let private = options::private(found.krate.as_ref());
    let name = found.name.map_or_else(|| input.ident.unraw().to_string(), |name| name.value());
    let members = match &found.worker {
        Some(worker) => quote!(#private::Of<#worker>),
        None => quote!(#private::Anyone),
    };
    let ident = &input.ident;
    let (impls, types, bounds) = input.generics.split_for_impl();
    let errors = mistakes.into_tokens();
    quote! {
        impl #impls #private::Group for #ident #types #bounds {
            const NAME: &'static #private::str = #name;
            type Members = #members;
        }
        #errors
    }
}

impl Options {
    fn read(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        while !input.is_empty() {
            let keyword = options::keyword(input)?;
            match keyword.to_string().as_str() {
                "worker" => {
                    input.parse::<Token![=]>()?;
                    self.worker = Some(input.parse()?);
                }
                "name" => self.name = Some(options::text(input)?),
                "crate" => self.krate = Some(options::path(input)?),
                _ => {
                    let text = "a group has the options `worker = Type`, `name = \"..\"` and `crate = path`";
                    return Err(Error::new(keyword.span(), text));
                }
            }
            options::separator(input)?;
        }
        Ok(())
    }
}
