//! Owns what can be seen of a type that must travel without the type checker, and the check at the user's token that
//! leaves the rest to it.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{GenericArgument, Path, PathArguments, Type, TypePath, TypeReference};

use crate::mistakes::Mistakes;

/// What is wrong with a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// It cannot travel, but code around it can still be generated.
    Representable,
    /// Nothing sensible can be generated from it.
    Hopeless,
}

/// Reports everything in `ty` that cannot travel.
pub(crate) fn check(ty: &Type, mistakes: &mut Mistakes) -> Result<(), Fault> {
    let mut travel = Travel { mistakes, worst: None };
    travel.visit_type(ty);
    travel.worst.map_or(Ok(()), Err)
}

struct Travel<'a> {
    mistakes: &'a mut Mistakes,
    worst: Option<Fault>,
}

impl Travel<'_> {
    fn fault(&mut self, fault: Fault, tokens: impl ToTokens, text: impl std::fmt::Display) {
        self.worst = self.worst.max(Some(fault));
        self.mistakes.at(tokens, text);
    }
}

impl<'ast> Visit<'ast> for Travel<'_> {
    fn visit_type(&mut self, ty: &'ast Type) {
        match ty {
            Type::Reference(reference) => self.fault(Fault::Hopeless, reference, refusal(reference)),
            Type::ImplTrait(_) | Type::TraitObject(_) | Type::Infer(_) => {
                self.fault(Fault::Hopeless, ty, "what travels has one type, known to both nodes: name it here");
            }
            Type::Ptr(_) | Type::FnPtr(_) => {
                self.fault(Fault::Hopeless, ty, "a pointer means nothing on another node: write the value itself");
            }
            Type::Path(path) if path.qself.is_none() => {
                if let Some(last) = path.path.segments.last() {
                    let name = last.ident.to_string();
                    match (name.as_str(), &last.arguments) {
                        ("usize" | "isize", PathArguments::None) => {
                            let fixed = if name == "usize" { ("u64", "u32") } else { ("i64", "i32") };
                            let text = format!(
                                "`{name}` has another size on another machine: write `{}` (or `{}`)",
                                fixed.0, fixed.1
                            );
                            return self.fault(Fault::Representable, ty, text);
                        }
                        ("Rc" | "Arc", PathArguments::AngleBracketed(_)) => {
                            let fault = if name == "Rc" { Fault::Hopeless } else { Fault::Representable };
                            let text = "shared pointers cannot travel: write `Box<_>`, or the value itself";
                            return self.fault(fault, ty, text);
                        }
                        _ => {}
                    }
                }
                visit::visit_type(self, ty);
            }
            _ => visit::visit_type(self, ty),
        }
    }

    fn visit_expr(&mut self, _: &'ast syn::Expr) {}
}

/// What to write instead of a reference.
fn refusal(reference: &TypeReference) -> String {
    if let Some(message) = archived(reference) {
        return format!(
            "`&Archived<{0}>` reads the message in place: write `#[call({0})]` or `#[cast({0})]`, and take it as the one \
             argument",
            show(message)
        );
    }
    if named(&reference.elem, "Context") {
        return "the context comes first, once, right after `self`".into();
    }
    let owned = match &*reference.elem {
        Type::Path(path) if path.path.is_ident("str") => "String".into(),
        Type::Slice(slice) => format!("Vec<{}>", show(&slice.elem)),
        Type::Path(TypePath { path, .. }) => match path.segments.last().map(|last| last.ident.to_string()) {
            Some(last) if last.len() > 8 && last.starts_with("Archived") => {
                return format!(
                    "a message in place is written by its own type: write `&Archived<{}>`, and `#[call(..)]` or `#[cast(..)]` \
                     with it",
                    &last[8..]
                );
            }
            _ => show(&reference.elem),
        },
        other => show(other),
    };
    format!("a message owns what it carries and cannot hold a reference: write `{owned}`")
}

/// The `T` of `&Archived<T>`.
pub(crate) fn archived(reference: &TypeReference) -> Option<&Type> {
    if !named(&reference.elem, "Archived") {
        return None;
    }
    let Type::Path(path) = &*reference.elem else {
        return None;
    };
    match &path.path.segments.last()?.arguments {
        PathArguments::AngleBracketed(arguments) => match arguments.args.first()? {
            GenericArgument::Type(ty) => Some(ty),
            _ => None,
        },
        PathArguments::None | PathArguments::Parenthesized(_) => None,
    }
}

/// Whether the last segment of a type's path is `name`.
pub(crate) fn named(ty: &Type, name: &str) -> bool {
    match ty {
        Type::Path(path) => path.path.segments.last().is_some_and(|last| last.ident == name),
        _ => false,
    }
}

/// Tokens as a user would write them.
pub(crate) fn show(tokens: &impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string();
    for (wide, narrow) in [(" :: ", "::"), (" < ", "<"), (" >", ">"), ("< ", "<"), (" ,", ","), ("& ", "&")] {
        text = text.replace(wide, narrow);
    }
    text
}

/// Items that the compiler refuses, in our words and at the user's tokens, if one of these types cannot travel. They
/// stand before everything else, since errors come in the order of items.
pub(crate) fn travels<'a>(types: impl Iterator<Item = (&'a Type, TokenStream)>, private: &Path) -> TokenStream {
    checks(types, |ty| quote_spanned!(ty.span()=> #private::Travels))
}

/// The same, if one of these types cannot be JSON.
pub(crate) fn are_json<'a>(types: impl Iterator<Item = (&'a Type, TokenStream)>, private: &Path) -> TokenStream {
    checks(types, |ty| quote_spanned!(ty.span()=> #private::IsJson))
}

fn checks<'a>(
    types: impl Iterator<Item = (&'a Type, TokenStream)>,
    says: impl Fn(&Type) -> TokenStream,
) -> TokenStream {
    let mut seen = Vec::new();
    let mut checks = TokenStream::new();
    for (ty, cfg) in types {
        let text = quote!(#cfg #ty).to_string();
        if seen.contains(&text) {
            continue;
        }
        let index = seen.len();
        seen.push(text);
        let says = says(ty);
        checks.extend(quote_spanned! {ty.span()=>
            #cfg impl #says<#index> for Check { type Field = #ty; }
        });
    }
    if seen.is_empty() {
        return checks;
    }
    quote! { const _: () = { struct Check; #checks }; }
}
