//! Owns the messages that are made of methods' arguments: the module that they stand in, and how the rest of the
//! expansion names them.

use proc_macro2::TokenStream;
use quote::quote;
use syn::visit_mut::VisitMut;
use syn::{DeriveInput, Generics, Type, parse_quote};

use super::handler::{Answer, Handler, Message};
use super::model::Worker;
use super::shape::Argument;
use crate::json;
use crate::message::{expand, parse};
use crate::mistakes::Mistakes;
use crate::paths::{self, Inward};

/// What no user should be warned about in code that is not theirs.
pub(crate) fn quiet() -> TokenStream {
    quote! {
        #[allow(
            dead_code,
            deprecated,
            missing_docs,
            private_bounds,
            private_interfaces,
            unreachable_pub,
            unused_imports,
            unused_mut,
            unused_variables,
            clippy::all,
            clippy::pedantic,
            clippy::nursery,
            clippy::restriction
        )]
    }
}

/// The message of a handler, as it is named beside the worker.
pub(crate) fn of(worker: &Worker, handler: &Handler) -> Type {
    match &handler.message {
        Message::Owned(ty) | Message::Archived(ty) => paths::without_self(ty, &worker.own),
        Message::Generated { ident, fields, .. } => {
            let module = &worker.module;
            let generics = generics(worker, &types(worker, fields));
            let (_, arguments, _) = generics.split_for_impl();
            parse_quote!(#module::#ident #arguments)
        }
    }
}

/// The types of arguments, without `Self`.
pub(crate) fn types(worker: &Worker, fields: &[Argument]) -> Vec<Type> {
    fields.iter().map(|field| paths::without_self(&field.ty, &worker.own)).collect()
}

/// Those of the worker's parameters that the types mention.
pub(crate) fn generics(worker: &Worker, types: &[Type]) -> Generics {
    let types = quote!(#(#types),*);
    let mut generics = worker.generics.clone();
    let mut dropped = Generics::default();
    for param in std::mem::take(&mut generics.params) {
        if paths::contains(types.clone(), &paths::parameter(&param)) {
            generics.params.push(param);
        } else {
            dropped.params.push(param);
        }
    }
    if let Some(bounds) = generics.where_clause.take() {
        let kept = bounds
            .predicates
            .into_iter()
            .filter(|predicate| !paths::mentions(predicate, &dropped) && paths::mentions(predicate, &generics));
        let kept: Vec<_> = kept.collect();
        if !kept.is_empty() {
            generics.where_clause = Some(parse_quote!(where #(#kept),*));
        }
    }
    generics
}

/// The module with the generated messages, and what their replies are.
pub(crate) fn expand(worker: &Worker) -> TokenStream {
    let taken: Vec<String> = worker
        .handlers
        .iter()
        .filter_map(|handler| match &handler.message {
            Message::Generated { ident, .. } => Some(ident.to_string()),
            Message::Owned(_) | Message::Archived(_) => None,
        })
        .collect();
    if taken.is_empty() {
        return TokenStream::new();
    }
    let structs = worker.handlers.iter().filter_map(|handler| message(worker, handler, &taken));
    let answers = worker.handlers.iter().filter_map(|handler| answered(worker, handler));
    let (module, quiet) = (&worker.module, quiet());
    let doc = format!("The messages of `{}`: one for each method that takes arguments of its own.", worker.ident);
    quote! {
        #[doc = #doc]
        #quiet
        pub mod #module {
            use super::*;
            #(#structs)*
        }
        #quiet
        const _: () = { #(#answers)* };
    }
}

fn message(worker: &Worker, handler: &Handler, taken: &[String]) -> Option<TokenStream> {
    let Message::Generated { ident, wire, fields } = &handler.message else {
        return None;
    };
    let mut inward = Inward { taken };
    let outer = types(worker, fields);
    let mut generics = generics(worker, &outer);
    inward.visit_generics_mut(&mut generics);
    let types = outer.iter().map(|ty| inward.ty(ty));
    let names = fields.iter().map(|field| &field.ident);
    let (_, _, bounds) = generics.split_for_impl();
    let cfg = handler.shape.cfg();
    let doc = format!("The message that `{}::{}` handles.", worker.ident, handler.shape.ident);
    let body = if fields.is_empty() { quote!(;) } else { quote!(#bounds { #(pub #names: #types),* }) };
    let item: DeriveInput = parse_quote! {
        #cfg
        #[doc = #doc]
        pub struct #ident #generics #body
    };
    let private = paths::inward_crate(&worker.private);
    // Mistakes in the arguments were reported with the handler.
    let mut message = parse::Message::of(item, wire.clone(), private, Vec::new(), &mut Mistakes::default()).ok()?;
    message.json = worker.options.json.then(|| json::Json::of(&message.item));
    Some(expand::expand(&message))
}

fn answered(worker: &Worker, handler: &Handler) -> Option<TokenStream> {
    let (Message::Generated { fields, .. }, Answer::Call { reply, .. }) = (&handler.message, &handler.answer) else {
        return None;
    };
    let message = of(worker, handler);
    let reply = paths::without_self(reply, &worker.own);
    let mut mentioned = types(worker, fields);
    mentioned.push(reply.clone());
    let generics = generics(worker, &mentioned);
    let (impls, _, bounds) = generics.split_for_impl();
    let (private, cfg) = (&worker.private, handler.shape.cfg());
    Some(quote!(#cfg impl #impls #private::Answered<#reply> for #message #bounds {}))
}
