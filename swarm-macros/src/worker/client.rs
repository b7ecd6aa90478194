//! Owns the generated client: a handle by name, with a method for each handler. It is not generic where the worker is
//! not, so that a private worker leaks nothing.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{GenericParam, Type};

use super::handler::{Answer, Handler, Message};
use super::messages;
use super::model::Worker;
use crate::{paths, travel};

/// The client's struct and impls.
pub(crate) fn expand(worker: &Worker) -> TokenStream {
    let Worker { client, private: p, generics, .. } = worker;
    let quiet = messages::quiet();
    let (impls, types, bounds) = generics.split_for_impl();
    let params = bare_params(worker);
    let marker = marker(worker);
    let doc = format!("Reaches workers of the type `{}`, by name.", worker.ident);
    let (to_static, methods) = (statics(worker), worker.handlers.iter().filter_map(|handler| method(worker, handler)));
    let client_name = client.to_string();
    quote! {
        #[doc = #doc]
        #quiet
        pub struct #client #params (#p::Handle, #p::PhantomData<fn() -> #marker>);

        #quiet
        const _: () = {
            impl #impls #client #types #bounds {
                #to_static
                #(#methods)*
            }

            impl #impls #p::From<#p::Handle> for #client #types #bounds {
                fn from(handle: #p::Handle) -> Self {
                    Self(handle, #p::PhantomData)
                }
            }

            impl #impls #p::Clone for #client #types #bounds {
                fn clone(&self) -> Self {
                    Self(#p::Clone::clone(&self.0), #p::PhantomData)
                }
            }

            impl #impls #p::fmt::Debug for #client #types #bounds {
                fn fmt(&self, f: &mut #p::fmt::Formatter<'_>) -> #p::fmt::Result {
                    f.debug_tuple(#client_name).field(&self.0).finish()
                }
            }
        };
    }
}

/// The worker's parameters without bounds.
pub(crate) fn bare_params(worker: &Worker) -> TokenStream {
    let params = worker.generics.params.iter().map(|param| match param {
        GenericParam::Type(ty) => {
            let ident = &ty.ident;
            quote!(#ident)
        }
        GenericParam::Const(constant) => {
            let (ident, ty) = (&constant.ident, &constant.ty);
            quote!(const #ident: #ty)
        }
        GenericParam::Lifetime(lifetime) => quote!(#lifetime),
    });
    if worker.generics.params.is_empty() { TokenStream::new() } else { quote!(<#(#params),*>) }
}

/// A type that mentions the worker's type parameters.
pub(crate) fn marker(worker: &Worker) -> TokenStream {
    let types = worker.generics.type_params().map(|param| &param.ident);
    quote!((#(#types,)*))
}

/// What is called with a name.
fn statics(worker: &Worker) -> TokenStream {
    let Worker { private: p, own, ident, .. } = worker;
    let (init, encoded) = if worker.inits.is_empty() {
        (quote!(), quote!(#p::mistaken::<#p::Payload>()))
    } else {
        (quote!(: #p::Init<#own>), quote!(<__Init as #p::Init<#own>>::encode(init)))
    };
    let [register, find, local] = [
        format!("Starts a `{ident}` as `name` on the node that the ring chose."),
        format!("Finds the `{ident}` that is registered as `name`, or starts one."),
        format!("Registers this `{ident}` as `name`, pinned to this node: nothing can start it again."),
    ];
    quote! {
        /// The worker registered as `name`, now or later.
        pub fn at(name: impl #p::Into<#p::Name>) -> Self {
            Self(#p::Handle::new(name), #p::PhantomData)
        }

        /// The same worker, reached through this node or connection.
        pub fn on(self, swarm: &impl #p::Reach) -> Self {
            Self(self.0.on(swarm), #p::PhantomData)
        }

        /// Calls the worker registered as `name`.
        pub fn call<__Message: #p::Message, __Reply>(
            name: impl #p::Into<#p::Name>,
            message: __Message,
        ) -> #p::Calling<__Reply, #own, __Message>
        where
            #own: #p::Call<__Message, Reply = __Reply>,
        {
            #p::Handle::new(name).call::<#own, __Message>(message)
        }

        /// Sends a message to the worker registered as `name`, and never waits.
        pub fn cast<__Message: #p::Message>(
            name: impl #p::Into<#p::Name>,
            message: __Message,
        ) -> #p::Result<(), #p::CastError>
        where
            #own: #p::Cast<__Message>,
        {
            #p::Handle::new(name).cast::<#own, __Message>(message)
        }

        #[doc = #register]
        pub fn register<__Init #init>(
            name: impl #p::Into<#p::Name>,
            init: __Init,
        ) -> #p::Op<(), #p::RegisterError> {
            #p::Handle::new(name).register::<#own>(#encoded)
        }

        #[doc = #find]
        pub fn whereis_or_register<__Init #init>(
            name: impl #p::Into<#p::Name>,
            init: __Init,
        ) -> #p::Op<#p::Location, #p::RegisterError> {
            #p::Handle::new(name).whereis_or_register::<#own>(#encoded)
        }

        #[doc = #local]
        pub fn register_local(
            name: impl #p::Into<#p::Name>,
            worker: #own,
        ) -> #p::Op<(), #p::RegisterError> {
            #p::Handle::new(name).register_local::<#own>(worker)
        }

        /// Where the worker registered as `name` is.
        pub fn whereis(name: impl #p::Into<#p::Name>) -> #p::Op<#p::Option<#p::Location>, #p::RegistryError> {
            #p::Handle::new(name).whereis()
        }

        /// Stops the worker registered as `name`, wherever it is.
        pub fn unregister(name: impl #p::Into<#p::Name>) -> #p::Op<(), #p::RegistryError> {
            #p::Handle::new(name).unregister()
        }
    }
}

/// The method of one handler.
fn method(worker: &Worker, handler: &Handler) -> Option<TokenStream> {
    if handler.reserved {
        return None;
    }
    let Worker { private: p, own, module, .. } = worker;
    let message = messages::of(worker, handler);
    let (arguments, value) = match &handler.message {
        Message::Owned(_) | Message::Archived(_) => (quote!(message: #message), quote!(message)),
        Message::Generated { ident, fields, .. } => {
            let names: Vec<_> = fields.iter().map(|field| &field.ident).collect();
            let types = messages::types(worker, fields);
            let texts = types.iter().map(is_string);
            let arguments = names.iter().zip(&types).zip(texts.clone()).map(|((name, ty), text)| match text {
                true => quote!(#name: impl #p::Into<#ty>),
                false => quote!(#name: #ty),
            });
            let arguments = quote!(#(#arguments),*);
            let values = names.iter().zip(texts).map(|(name, text)| match text {
                true => quote!(#name: #p::Into::into(#name)),
                false => quote!(#name: #name),
            });
            (arguments, quote!(#module::#ident { #(#values),* }))
        }
    };
    let (ident, docs, cfg) = (&handler.shape.ident, &handler.shape.docs, handler.shape.cfg());
    Some(match &handler.answer {
        Answer::Call { reply, .. } => {
            let reply = paths::without_self(reply, own);
            quote! {
                #cfg
                #(#docs)*
                pub fn #ident(&self, #arguments) -> #p::Calling<#reply, #own, #message> {
                    self.0.call::<#own, #message>(#value)
                }
            }
        }
        Answer::Cast => quote! {
            #cfg
            #(#docs)*
            pub fn #ident(&self, #arguments) -> #p::Result<(), #p::CastError> {
                self.0.cast::<#own, #message>(#value)
            }
        },
    })
}

/// A `String`, which clients take as anything that becomes one.
fn is_string(ty: &Type) -> bool {
    travel::named(ty, "String")
}
