//! Owns what a worker marked `json` generates beside the rest: the description of its messages, and how its init arguments are read from an
//! object. A worker without the mark gets nothing of it.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Ident, Type};

use super::client;
use super::handler::{Answer, Handler};
use super::hook::Init;
use super::messages;
use super::model::Worker;
use super::shape::{self, Argument};
use crate::mistakes::Mistakes;
use crate::{json, paths, travel};

/// `Worker::SHAPE`.
pub(crate) fn shape(worker: &Worker) -> TokenStream {
    if !worker.options.json {
        return TokenStream::new();
    }
    let p = &worker.private;
    let inits = worker.inits.iter().map(|init| {
        let (cfg, docs) = (init.shape.cfg(), json::docs(&init.shape.docs));
        let fields = arguments_of(init).into_iter().map(|Argument { ident, ty }| {
            json::field(&ident.unraw().to_string(), &paths::without_self(&ty, &worker.own), "", &[], p)
        });
        let (arguments, generics) = (ident(), generics(worker, init));
        let (_, types, _) = generics.split_for_impl();
        quote!(#cfg init: #p::InitShape::of::<#arguments #types>(#docs, &[#(#fields),*]),)
    });
    let messages = worker.handlers.iter().map(|handler| message(worker, handler));
    // Without the feature this becomes the one error.
    quote! {
        #p::with_json! {
            const SHAPE: #p::Option<&'static #p::KindShape> = {
                use #p::Untold as _;
                #p::Some(&#p::KindShape { #(#inits)* messages: &[#(#messages),*] })
            };
        }
    }
}

fn message(worker: &Worker, handler: &Handler) -> TokenStream {
    let (p, shape, message) = (&worker.private, &handler.shape, messages::of(worker, handler));
    let (cfg, method, docs) = (shape.cfg(), shape.name(), json::docs(&shape.docs));
    let takes = quote!(#p::Told::<#message>::TAKES);
    match &handler.answer {
        Answer::Call { reply, .. } => {
            let reply = paths::without_self(reply, &worker.own);
            let shown = travel::show(&reply);
            quote! {
                #cfg
                #p::MessageShape::call::<Self, #message>(#method, #docs, #takes, #shown).replying(#p::Told::<#reply>::OF)
            }
        }
        Answer::Cast => quote!(#cfg #p::MessageShape::cast::<Self, #message>(#method, #docs, #takes)),
    }
}

/// The checks that what it sends and gets can be JSON.
pub(crate) fn checks(worker: &Worker, sent: &[(Type, TokenStream)]) -> TokenStream {
    if !worker.options.json {
        return TokenStream::new();
    }
    let parameters = parameters(worker);
    let types = travel::are_json(sent.iter().map(|(ty, cfg)| (ty, cfg.clone())), &worker.private);
    quote!(#parameters #types)
}

/// The same of those of the worker's parameters that stand in it.
fn parameters(worker: &Worker) -> TokenStream {
    let Worker { private: p, generics, .. } = worker;
    let inits = worker.inits.iter().map(|init| init.arguments.to_token_stream());
    let messages = worker.handlers.iter().map(|handler| {
        let (message, reply) = (messages::of(worker, handler), handler.answer.reply());
        quote!(#message #reply)
    });
    let sent: TokenStream = inits.chain(messages).collect();
    let params = generics.type_params().map(|param| &param.ident);
    let params: Vec<_> = params.filter(|param| paths::contains(sent.clone(), &param.to_string())).collect();
    if params.is_empty() {
        return TokenStream::new();
    }
    let (impls, types, bounds) = generics.split_for_impl();
    let (bare, marker) = (client::bare_params(worker), client::marker(worker));
    let checks = params.iter().enumerate().map(|(index, param)| {
        quote_spanned!(param.span()=> impl #impls #p::IsJson<#index> for Check #types #bounds { type Field = #param; })
    });
    quote! { const _: () = { struct Check #bare (#p::PhantomData<#marker>); #(#checks)* }; }
}

/// The struct that an object with the init arguments is read as.
pub(crate) fn arguments(worker: &Worker) -> TokenStream {
    if !worker.options.json {
        return TokenStream::new();
    }
    worker.inits.iter().map(|init| arguments_struct(worker, init)).collect()
}

fn arguments_struct(worker: &Worker, init: &Init) -> TokenStream {
    let (p, cfg, ident) = (&worker.private, init.shape.cfg(), ident());
    let generics = generics(worker, init);
    let (impls, types, bounds) = generics.split_for_impl();
    let arguments = arguments_of(init);
    let names: Vec<_> = arguments.iter().map(|argument| &argument.ident).collect();
    let fields = arguments.iter().map(|argument| paths::without_self(&argument.ty, &worker.own));
    let all = paths::without_self(&init.arguments, &worker.own);
    let value = match &names[..] {
        [one] => quote!(self.#one),
        _ => quote!((#(self.#names),*)),
    };
    let read = if names.is_empty() {
        let nothing = json::nothing(&ident, p);
        quote!(struct #ident; #cfg #nothing)
    } else {
        let (serde, serde_bounds) = (quote!(#p::serde).to_string(), json::bounds(&generics, p));
        quote! {
            #[derive(#p::serde::Deserialize)]
            #[serde(crate = #serde, deny_unknown_fields #serde_bounds)]
            struct #ident #generics #bounds { #(#names: #fields),* }
        }
    };
    quote! {
        #cfg
        #read
        #cfg
        impl #impls #p::Arguments for #ident #types #bounds {
            type Init = #all;
            fn into_init(self) -> Self::Init { #value }
        }
    }
}

/// None of the user's types is called so.
fn ident() -> Ident {
    format_ident!("__Arguments")
}

fn arguments_of(init: &Init) -> Vec<Argument> {
    // One without a name was reported.
    shape::named(&init.shape.arguments, &mut Mistakes::default()).unwrap_or_default()
}

fn generics(worker: &Worker, init: &Init) -> syn::Generics {
    messages::generics(worker, &[paths::without_self(&init.arguments, &worker.own)])
}
