//! Owns the impls that make a type a worker: `Worker` with its method table, `Init`, and a `Call` or `Cast` a method.
//! A method adds its impl, its row and nothing else: compile time is counted in methods.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::Type;
use syn::spanned::Spanned;

use super::described;
use super::handler::{Answer, Handler, Message};
use super::hook::{Hook, Init, Role};
use super::messages;
use super::model::Worker;
use crate::{paths, travel};

/// The checks that everything the worker sends and gets travels, and its state.
pub(crate) fn checks(worker: &Worker) -> TokenStream {
    let sent = sent(worker);
    let state = worker.state().and_then(|state| checked(worker, state)).map(|state| (state, TokenStream::new()));
    let all = sent.iter().chain(&state).map(|(ty, cfg)| (ty, cfg.clone()));
    let travels = travel::travels(all, &worker.private);
    let described = described::checks(worker, &sent);
    quote!(#travels #described)
}

/// What it sends and gets, with the `#[cfg]`s of the method.
fn sent(worker: &Worker) -> Vec<(Type, TokenStream)> {
    let mut types: Vec<(Type, TokenStream)> = Vec::new();
    let mut add = |ty: &Type, cfg: TokenStream| types.extend(checked(worker, ty).map(|ty| (ty, cfg)));
    for init in &worker.inits {
        init.shape.arguments.iter().for_each(|argument| add(&argument.ty, init.shape.cfg()));
    }
    for handler in &worker.handlers {
        if let Message::Generated { fields, .. } = &handler.message {
            fields.iter().for_each(|field| add(&field.ty, handler.shape.cfg()));
        }
        if let Answer::Call { reply, .. } = &handler.answer {
            add(reply, handler.shape.cfg());
        }
    }
    types
}

/// The type without `Self`, if the compiler can check it and nothing is known to be wrong with it.
fn checked(worker: &Worker, ty: &Type) -> Option<Type> {
    let ty = paths::without_self(ty, &worker.own);
    let fine = travel::check(&ty, &mut crate::mistakes::Mistakes::default()).is_ok();
    (fine && !paths::mentions(&ty, &worker.generics)).then_some(ty)
}

/// The impls, and the link-time entry.
pub(crate) fn expand(worker: &Worker) -> TokenStream {
    let Worker { private: p, own, wire, generics, .. } = worker;
    let (impls, _, bounds) = generics.split_for_impl();
    let quiet = messages::quiet();
    let (kind, options, client) = (kind(worker), options(worker), client(worker));
    let rows = worker.handlers.iter().map(|handler| row(worker, handler));
    let boots = boots(worker);
    let states = state(worker);
    let hooks = worker.hooks.iter().map(|hook| self::hook(worker, hook));
    let inits = worker.inits.iter().map(|init| starts(worker, init));
    let handlers = worker.handlers.iter().map(|handler| self::handler(worker, handler));
    let entry = entry(worker);
    let (described, arguments) = (described::shape(worker), described::arguments(worker));
    quote! {
        #quiet
        const _: () = {
            #[automatically_derived]
            impl #impls #p::Worker for #own #bounds {
                const NAME: &'static #p::str = #wire;
                #kind
                #options
                const METHODS: &'static [#p::Method<Self>] = &#p::unique([#(#rows),*]);
                type Client = #client;
                #described
                #boots
                #states
                #(#hooks)*
            }
            #(#inits)*
            #(#handlers)*
            #arguments
            #entry
        };
    }
}

fn kind(worker: &Worker) -> TokenStream {
    let p = &worker.private;
    if worker.generics.params.is_empty() {
        return TokenStream::new();
    }
    let arguments = worker.generics.params.iter().filter_map(|param| match param {
        syn::GenericParam::Type(ty) => {
            let ident = &ty.ident;
            Some(quote!(<#ident as #p::Schema>::FINGERPRINT))
        }
        syn::GenericParam::Const(constant) => {
            let ident = &constant.ident;
            Some(quote!(#p::Fingerprint::of("const").number(#ident as #p::u64)))
        }
        syn::GenericParam::Lifetime(_) => None,
    });
    quote! {
        const KIND: #p::KindId = #p::KindId::of(<Self as #p::Worker>::NAME, &[#(#arguments),*]);
    }
}

fn options(worker: &Worker) -> TokenStream {
    let (p, options) = (&worker.private, &worker.options);
    let mailbox = options.mailbox.as_ref().map(|bound| quote!(mailbox: #bound as #p::usize,));
    let restart = options.restart.map(|variant| {
        let variant = syn::Ident::new(variant, proc_macro2::Span::call_site());
        quote!(restart: #p::Restart::#variant,)
    });
    let pool = options.pool.then(|| quote!(pool: true,));
    let public = options.public.then(|| quote!(const PUBLIC: #p::bool = true;));
    if mailbox.is_none() && restart.is_none() && pool.is_none() {
        return public.unwrap_or_default();
    }
    quote! {
        const OPTIONS: #p::Options = #p::Options { #mailbox #restart #pool ..#p::Options::DEFAULT };
        #public
    }
}

fn client(worker: &Worker) -> TokenStream {
    let (client, (_, types, _)) = (&worker.client, worker.generics.split_for_impl());
    quote!(#client #types)
}

fn row(worker: &Worker, handler: &Handler) -> TokenStream {
    let (p, cfg, message) = (&worker.private, handler.shape.cfg(), messages::of(worker, handler));
    match &handler.answer {
        Answer::Call { .. } => quote!(#cfg #p::Method::<Self>::call::<#message>()),
        Answer::Cast => quote!(#cfg #p::Method::<Self>::cast::<#message>()),
    }
}

/// How the worker is started from bytes. Without a usable `#[init]` something stands in for it, so that there is no
/// second error about the first mistake.
fn boots(worker: &Worker) -> TokenStream {
    let p = &worker.private;
    if worker.inits.is_empty() {
        return quote! {
            const ARGS: #p::Fingerprint = #p::Fingerprint::of("mistaken");
            fn boot(_: #p::Context<Self>, _: #p::Payload) -> #p::Boot<Self> {
                #p::mistaken()
            }
        };
    }
    worker.inits.iter().map(|init| boot(worker, init)).collect()
}

fn boot(worker: &Worker, Init { shape, arguments, returns }: &Init) -> TokenStream {
    let (p, cfg) = (&worker.private, shape.cfg());
    let names: Vec<_> = (0..shape.arguments.len()).map(|at| quote::format_ident!("argument_{at}")).collect();
    let pattern = match &names[..] {
        [one] => quote!(#one),
        _ => quote!((#(#names),*)),
    };
    let values: Vec<_> = names.iter().map(|name| quote!(#name)).collect();
    let made = shape.call(&values);
    let made = quote_spanned!(*returns=> { let made = #made; #p::IntoInit::<Self>::into_init(made) });
    let boot = if shape.is_async {
        let span = shape.ident.span();
        let p = paths::at(span, p);
        quote_spanned!(span=> #p::Boot::Later(#p::Box::pin(async move { #made })))
    } else {
        quote!(#p::Boot::Done(#made))
    };
    quote! {
        #cfg
        const ARGS: #p::Fingerprint = <#arguments as #p::Schema>::FINGERPRINT;
        #cfg
        fn boot(context: #p::Context<Self>, arguments: #p::Payload) -> #p::Boot<Self> {
            match #p::decode::<#arguments>(&arguments) {
                #p::Err(malformed) => #p::Boot::Refused(malformed),
                #p::Ok(#pattern) => #boot,
            }
        }
    }
}

/// What `register` takes.
fn starts(worker: &Worker, init: &Init) -> TokenStream {
    let Worker { private: p, own, generics, .. } = worker;
    let (impls, _, bounds) = generics.split_for_impl();
    let (cfg, arguments) = (init.shape.cfg(), paths::without_self(&init.arguments, own));
    quote! {
        #cfg
        impl #impls #p::Init<#own> for #arguments #bounds {
            fn encode(self) -> #p::Payload {
                #p::encode(&self)
            }
        }
    }
}

/// The state's schema, and the hooks that `state = Self` stands for.
fn state(worker: &Worker) -> TokenStream {
    let p = &worker.private;
    let schema = |state: TokenStream| {
        quote! {
            const STATE: #p::Option<#p::Fingerprint> = #p::Some(<#state as #p::Schema>::FINGERPRINT);
        }
    };
    if let Some(keyword) = &worker.options.whole_state {
        let schema = schema(quote_spanned!(keyword.span()=> Self));
        return quote! {
            #schema
            fn begin_handoff(at: #p::Active<Self>) -> #p::Step<Self, #p::Handoff<#p::Payload>> {
                let state = #p::encode::<Self>(&*at.worker);
                #p::Step::Done(at, #p::Handoff::Resume(state))
            }
            fn end_handoff(mut at: #p::Active<Self>, state: #p::Payload) -> #p::Step<Self, ()> {
                match #p::decode::<Self>(&state) {
                    #p::Err(malformed) => #p::Step::Refused(at, malformed),
                    #p::Ok(state) => {
                        *at.worker = state;
                        #p::Step::Done(at, ())
                    }
                }
            }
        };
    }
    worker.state().map(|state| schema(quote!(#state))).unwrap_or_default()
}

fn hook(worker: &Worker, Hook { shape, role }: &Hook) -> TokenStream {
    let (p, cfg) = (&worker.private, shape.cfg());
    match role {
        Role::Begin => {
            let answer = shape.call(&[]);
            let span = shape.output.as_ref().map_or(shape.ident.span(), Spanned::span);
            let sealed = match worker.state() {
                Some(state) => quote_spanned!(span=> #p::seal::<#state>(#answer)),
                None => quote_spanned!(span=> #p::seal_stateless(#answer)),
            };
            let step = shape.step(p, &sealed);
            quote! {
                #cfg
                fn begin_handoff(mut at: #p::Active<Self>) -> #p::Step<Self, #p::Handoff<#p::Payload>> { #step }
            }
        }
        Role::End { state } | Role::Resolve { state } => {
            let name = match role {
                Role::End { .. } => quote!(end_handoff),
                Role::Begin | Role::Resolve { .. } | Role::Die { .. } => quote!(resolve_conflict),
            };
            let step = shape.step(p, &shape.call(&[quote!(state)]));
            quote! {
                #cfg
                fn #name(mut at: #p::Active<Self>, state: #p::Payload) -> #p::Step<Self, ()> {
                    match #p::decode::<#state>(&state) {
                        #p::Err(malformed) => #p::Step::Refused(at, malformed),
                        #p::Ok(state) => #step,
                    }
                }
            }
        }
        Role::Die { reason } => {
            let reason: &[TokenStream] = if *reason { &[quote!(reason)] } else { &[] };
            let step = shape.step(p, &shape.call(reason));
            quote! {
                #cfg
                fn die(mut at: #p::Active<Self>, reason: #p::Die) -> #p::Step<Self, ()> { #step }
            }
        }
    }
}

fn handler(worker: &Worker, handler: &Handler) -> TokenStream {
    let Worker { private: p, own, generics, .. } = worker;
    let (impls, _, bounds) = generics.split_for_impl();
    let (shape, message) = (&handler.shape, messages::of(worker, handler));
    let cfg = shape.cfg();
    let (read, arguments) = match &handler.message {
        Message::Archived(_) => (quote!(checked), vec![quote!(message.archived())]),
        Message::Owned(_) => (quote!(owned), vec![quote!(message)]),
        Message::Generated { fields, .. } => {
            let names = fields.iter().map(|field| &field.ident);
            (quote!(owned), names.map(|name| quote!(message.#name)).collect())
        }
    };
    let plain = shape.is_plain() && !matches!(handler.message, Message::Archived(_));
    let call = if plain { shape.call_on(&quote!(worker), &arguments) } else { shape.call(&arguments) };
    let (implemented, associated, reply, body) = match &handler.answer {
        Answer::Call { reply, timeout } => {
            let timeout = timeout.map(|timeout| {
                let (seconds, nanos) = (timeout.as_secs(), timeout.subsec_nanos());
                quote! {
                    const TIMEOUT: #p::Option<#p::Duration> = #p::Some(#p::Duration::new(#seconds, #nanos));
                }
            });
            (quote!(Call), quote!(type Reply = #reply; #timeout), quote!(Self::Reply), call)
        }
        Answer::Cast => (quote!(Cast), quote!(), quote!(()), quote!({ #call; })),
    };
    let run = if plain {
        quote! {
            const PLAIN: #p::Option<#p::Plain<Self, #message, #reply>> = #p::Some(|worker, message| #body);
            fn run(at: #p::Active<Self>, input: #p::Input<#message>) -> #p::Step<Self, #reply> {
                #p::Step::plain(at, input, <Self as #p::#implemented<#message>>::PLAIN)
            }
        }
    } else {
        let step = shape.step(p, &body);
        quote! {
            fn run(mut at: #p::Active<Self>, input: #p::Input<#message>) -> #p::Step<Self, #reply> {
                match input.#read() {
                    #p::Err(malformed) => #p::Step::Refused(at, malformed),
                    #p::Ok(message) => #step,
                }
            }
        }
    };
    quote! {
        #cfg
        #[automatically_derived]
        impl #impls #p::#implemented<#message> for #own #bounds {
            #associated
            #run
        }
    }
}

/// The link-time entry. A static cannot be generic, so generic workers are registered by hand.
fn entry(worker: &Worker) -> TokenStream {
    let Worker { private: p, own, .. } = worker;
    if worker.options.manual || !worker.generics.params.is_empty() || worker.inits.is_empty() {
        return TokenStream::new();
    }
    quote! {
        #p::with_node! {
            #[#p::linkme::distributed_slice(#p::WORKERS)]
            #[linkme(crate = #p::linkme)]
            static ENTRY: #p::Entry = #p::Entry::of::<#own>();
        }
    }
}
