//! Owns the rewriting of the user's types for another place: without `Self`, inside the generated module, or cut where
//! a type contains itself. Spans stay those of the user.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::visit_mut::{self, VisitMut};
use syn::{Generics, Ident, Path, Type, TypePath, parse_quote, parse2};

/// `ty` with `own` in place of `Self`.
pub(crate) fn without_self(ty: &Type, own: &Type) -> Type {
    let mut ty = ty.clone();
    Unself { own }.visit_type_mut(&mut ty);
    ty
}

struct Unself<'a> {
    own: &'a Type,
}

impl VisitMut for Unself<'_> {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        visit_mut::visit_type_mut(self, ty);
        let Type::Path(TypePath { qself: None, path, .. }) = &*ty else {
            return;
        };
        if path.segments.first().is_none_or(|first| first.ident != "Self") {
            return;
        }
        let own = self.own;
        let rest = path.segments.iter().skip(1);
        let rewritten = if path.segments.len() == 1 { quote!(#own) } else { quote!(<#own>#(::#rest)*) };
        if let Ok(new) = parse2(rewritten) {
            *ty = new;
        }
    }
}

/// Rewrites for a place that defines the types `taken`, inside the user's module.
pub(crate) struct Outward {
    /// The types that are defined there.
    pub(crate) taken: Vec<String>,
}

impl VisitMut for Outward {
    fn visit_path_mut(&mut self, path: &mut Path) {
        visit_mut::visit_path_mut(self, path);
        let first = path.segments.first().filter(|_| path.leading_colon.is_none());
        if first.is_some_and(|first| self.taken.iter().any(|taken| first.ident == taken)) {
            let rest = std::mem::take(&mut path.segments);
            *path = parse_quote!(self::#rest);
        }
    }
}

/// The types that Rust's prelude names: found without `super::`.
const PRELUDE: [(&str, &str); 4] = [("String", "string"), ("Vec", "vec"), ("Option", "option"), ("Result", "result")];

/// Rewrites for a module inside the user's, which defines the types `taken`.
pub(crate) struct Inward<'a> {
    /// The types that the module defines.
    pub(crate) taken: &'a [String],
}

impl Inward<'_> {
    /// `ty` as it is written inside the module.
    pub(crate) fn ty(&mut self, ty: &Type) -> Type {
        let mut ty = ty.clone();
        self.visit_type_mut(&mut ty);
        ty
    }

    /// How many segments stand before the path in the module.
    fn rewrite(&self, path: &mut Path) -> usize {
        let Some(first) = path.segments.first().filter(|_| path.leading_colon.is_none()) else {
            return 0;
        };
        let (name, span) = (first.ident.to_string(), first.ident.span());
        if name == "self" {
            path.segments[0].ident = Ident::new("super", span);
            return 0;
        }
        if name == "super" || self.taken.contains(&name) {
            let prelude = PRELUDE.iter().find(|(known, _)| path.segments.len() == 1 && *known == name);
            let rest = std::mem::take(&mut path.segments);
            *path = match prelude {
                Some((_, module)) => {
                    let module = Ident::new(module, span);
                    parse_quote!(::std::#module::#rest)
                }
                None => parse_quote!(super::#rest),
            };
            return 1;
        }
        0
    }
}

impl VisitMut for Inward<'_> {
    fn visit_path_mut(&mut self, path: &mut Path) {
        visit_mut::visit_path_mut(self, path);
        self.rewrite(path);
    }

    fn visit_type_path_mut(&mut self, ty: &mut TypePath) {
        let Some(qself) = &mut ty.qself else {
            self.visit_path_mut(&mut ty.path);
            return;
        };
        self.visit_type_mut(&mut qself.ty);
        visit_mut::visit_path_mut(self, &mut ty.path);
        if qself.position > 0 {
            qself.position += self.rewrite(&mut ty.path);
        }
    }
}

/// The path `krate` as it is written inside the module.
pub(crate) fn inward_crate(krate: &Path) -> Path {
    let mut path = krate.clone();
    Inward { taken: &[] }.visit_path_mut(&mut path);
    path
}

/// The path with one span for all of it: where an expression starts is where the compiler points.
pub(crate) fn at(span: Span, path: &Path) -> TokenStream {
    let set = |mut token: TokenTree| {
        token.set_span(span);
        token
    };
    path.to_token_stream().into_iter().map(set).collect()
}

/// Replaces a type inside its own schema by a mark, and the types of its `cycle(..)` as well.
pub(crate) struct Cutter<'a> {
    /// The type itself.
    pub(crate) own: &'a Ident,
    /// What `cycle(..)` names.
    pub(crate) cycle: &'a [Type],
    /// Where generated code finds everything.
    pub(crate) private: &'a Path,
    /// It found something to cut.
    pub(crate) found: bool,
}

impl Cutter<'_> {
    /// `ty` with its circles cut.
    pub(crate) fn cut(&mut self, ty: &Type) -> Type {
        let mut ty = ty.clone();
        self.visit_type_mut(&mut ty);
        ty
    }

    fn index(&self, path: &Path) -> Option<usize> {
        if path.segments.len() == 1 && path.leading_colon.is_none() {
            let ident = &path.segments[0].ident;
            if ident == "Self" || ident == self.own {
                return Some(0);
            }
        }
        let same = |ty: &Type| matches!(ty, Type::Path(named) if bare(&named.path) == bare(path));
        self.cycle.iter().position(same).map(|at| at + 1)
    }
}

impl VisitMut for Cutter<'_> {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        let index = match &*ty {
            Type::Path(TypePath { qself: None, path, .. }) => self.index(path),
            _ => None,
        };
        match index {
            None => visit_mut::visit_type_mut(self, ty),
            Some(index) => {
                let private = self.private;
                self.found = true;
                *ty = parse_quote!(#private::Cut<#index>);
            }
        }
    }
}

/// A path's names, without their arguments.
fn bare(path: &Path) -> Vec<String> {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}

/// Whether these tokens name one of the generics' parameters.
pub(crate) fn mentions(tokens: &impl ToTokens, generics: &Generics) -> bool {
    generics.params.iter().any(|param| contains(tokens.to_token_stream(), &parameter(param)))
}

/// The name of a generic parameter.
pub(crate) fn parameter(param: &syn::GenericParam) -> String {
    match param {
        syn::GenericParam::Lifetime(lifetime) => lifetime.lifetime.ident.to_string(),
        syn::GenericParam::Type(ty) => ty.ident.to_string(),
        syn::GenericParam::Const(constant) => constant.ident.to_string(),
    }
}

/// Whether the identifier stands anywhere in these tokens.
pub(crate) fn contains(tokens: TokenStream, wanted: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == wanted,
        TokenTree::Group(group) => contains(group.stream(), wanted),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}
