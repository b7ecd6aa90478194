//! Owns what all marked functions have in common: who they are, how they are called, and what they take.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::Signature;
use syn::ext::IdentExt;
use syn::{Attribute, FnArg, GenericParam, Ident, Pat, PatType, Path, ReceiverKind, ReturnType, Safety, Type};

use super::parse::Function;
use crate::message::parse::cfgs;
use crate::mistakes::Mistakes;
use crate::travel;

/// A marked function, without the meaning of its mark.
pub(crate) struct Shape {
    pub(crate) ident: Ident,
    pub(crate) is_async: bool,
    /// `&mut self` and not `&self`; nothing for `#[init]`.
    pub(crate) receiver: Option<Receiver>,
    pub(crate) context: bool,
    pub(crate) arguments: Vec<PatType>,
    pub(crate) output: Option<Type>,
    pub(crate) cfg: Vec<Attribute>,
    pub(crate) docs: Vec<Attribute>,
}

/// How a method takes its worker.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receiver {
    Shared,
    Exclusive,
}

/// An argument with a name.
#[derive(Clone)]
pub(crate) struct Argument {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
}

impl Shape {
    /// The shape of a function under `#[mark]`. What cannot be used at all is `None`, with its mistake noted.
    pub(crate) fn of(function: &Function, mark: &str, mistakes: &mut Mistakes) -> Option<Self> {
        let signature = &function.signature;
        let mut usable = true;
        for param in &signature.generics.params {
            if !matches!(param, GenericParam::Lifetime(_)) {
                let text = format!(
                    "a `#[{mark}]` method cannot be generic: what travels has one type, so name it here, or make the worker generic"
                );
                mistakes.at(param, text);
                usable = false;
            }
        }
        if !matches!(signature.safety, Safety::Default) {
            mistakes
                .at(&signature.safety, format!("the framework calls `#[{mark}]`, so it cannot be `unsafe`: remove it"));
            usable = false;
        }
        let receiver = receiver(signature, mark, mistakes);
        usable &= receiver.is_some();
        let mut arguments: Vec<PatType> = signature
            .inputs
            .iter()
            .filter_map(|input| match input {
                FnArg::Typed(argument) => Some(argument.clone()),
                FnArg::Receiver(_) => None,
            })
            .collect();
        let context = arguments.first().is_some_and(|first| is_context(&first.ty));
        if context {
            arguments.remove(0);
        }
        let output = match &signature.output {
            ReturnType::Default => None,
            ReturnType::Type(_, ty) => Some((**ty).clone()),
        };
        usable.then(|| Self {
            ident: signature.ident.clone(),
            is_async: signature.asyncness.is_some(),
            receiver: receiver.flatten(),
            context,
            arguments,
            output,
            cfg: cfgs(&function.attributes),
            docs: function.attributes.iter().filter(|attribute| attribute.path().is_ident("doc")).cloned().collect(),
        })
    }

    /// The name without `r#`.
    pub(crate) fn name(&self) -> String {
        self.ident.unraw().to_string()
    }

    /// The `#[cfg]`s as tokens.
    pub(crate) fn cfg(&self) -> TokenStream {
        let cfg = &self.cfg;
        quote!(#(#cfg)*)
    }

    /// Whether it is a function of its worker and its message alone: it does not wait, and wants no context.
    pub(crate) fn is_plain(&self) -> bool {
        !self.is_async && !self.context
    }

    /// The call of the method on the worker that is checked out in `at`, at the user's name.
    pub(crate) fn call(&self, arguments: &[TokenStream]) -> TokenStream {
        self.call_on(&quote!(at.worker), arguments)
    }

    /// The same on the worker that `worker` leads to.
    pub(crate) fn call_on(&self, worker: &TokenStream, arguments: &[TokenStream]) -> TokenStream {
        let ident = &self.ident;
        let worker = self.receiver.map(|receiver| match receiver {
            Receiver::Shared => quote!(&*#worker,),
            Receiver::Exclusive => quote!(&mut *#worker,),
        });
        let context = self.context.then(|| match self.receiver {
            Some(_) => quote!(&at.context,),
            None => quote!(&context,),
        });
        let wait = self.is_async.then(|| quote!(.await));
        quote_spanned!(ident.span()=> Self::#ident(#worker #context #(#arguments),*)#wait)
    }

    /// A step that runs `body`, an expression that uses `at`, and gives `body`'s value as its reply.
    pub(crate) fn step(&self, private: &Path, body: &TokenStream) -> TokenStream {
        if self.is_async {
            let span = self.ident.span();
            let private = crate::paths::at(span, private);
            quote_spanned! {span=>
                #private::Step::Later(#private::Box::pin(async move { let reply = #body; (at, reply) }))
            }
        } else {
            quote!({ let reply = #body; #private::Step::Done(at, reply) })
        }
    }
}

/// How the function takes its worker: `#[init]` does not, all others must. `None` is a mistake, which is noted.
fn receiver(signature: &Signature, mark: &str, mistakes: &mut Mistakes) -> Option<Option<Receiver>> {
    let Some(receiver) = signature.receiver() else {
        if mark == "init" {
            return Some(None);
        }
        let text = format!("a `#[{mark}]` method runs on its worker: write `&self` or `&mut self` first");
        mistakes.at(&signature.ident, text);
        return None;
    };
    let text = match &receiver.kind {
        _ if mark == "init" => "`#[init]` makes the worker, so there is no `self` yet: remove it",
        ReceiverKind::Reference(_, _, None) => return Some(Some(Receiver::Shared)),
        ReceiverKind::Reference(_, _, Some(_)) => return Some(Some(Receiver::Exclusive)),
        ReceiverKind::Value => {
            "`self` by value would end the worker: write `&self` or `&mut self` (and `ctx.stop()` to end it)"
        }
        _ => "write `&self` or `&mut self`",
    };
    mistakes.at(receiver, text);
    None
}

/// The names of arguments, which become the fields of a message.
pub(crate) fn named(arguments: &[PatType], mistakes: &mut Mistakes) -> Option<Vec<Argument>> {
    let mut all = Some(Vec::new());
    for argument in arguments {
        match (&*argument.pat, &mut all) {
            (Pat::Ident(pat), Some(all)) if pat.by_ref.is_none() && pat.subpat.is_none() => {
                all.push(Argument { ident: pat.ident.clone(), ty: (*argument.ty).clone() });
            }
            (Pat::Ident(pat), None) if pat.by_ref.is_none() && pat.subpat.is_none() => {}
            (pat, _) => {
                mistakes.at(pat, "an argument becomes a field of the message: give it a name");
                all = None;
            }
        }
    }
    all
}

/// Reports a context by value, which is a common slip.
pub(crate) fn is_context_by_value(ty: &Type) -> bool {
    travel::named(ty, "Context")
}

fn is_context(ty: &Type) -> bool {
    match ty {
        Type::Reference(reference) => travel::named(&reference.elem, "Context"),
        _ => false,
    }
}

/// Whether an output says nothing: `-> ()`.
pub(crate) fn is_unit(ty: &Type) -> bool {
    ty.to_token_stream().to_string() == "()"
}
