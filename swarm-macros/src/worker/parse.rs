//! Owns the impl block as it was written. Bodies are never parsed: what stands in them is the compiler's to judge.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{ToTokens, TokenStreamExt, quote};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, Generics, Signature, Token, Type, Visibility, braced};

use super::INNER;

/// An impl block.
pub(crate) struct Block {
    attributes: Vec<Attribute>,
    pub(crate) generics: Generics,
    pub(crate) own: Type,
    items: Vec<Item>,
    impl_token: Token![impl],
}

enum Item {
    Function(Function),
    Other(TokenStream),
}

/// A function of the block, with our attributes apart from the others.
pub(crate) struct Function {
    pub(crate) marks: Vec<Attribute>,
    pub(crate) attributes: Vec<Attribute>,
    visibility: Visibility,
    pub(crate) signature: Signature,
    body: TokenTree,
}

impl Block {
    /// Its functions, in order.
    pub(crate) fn functions(&self) -> impl Iterator<Item = &Function> {
        self.items.iter().filter_map(|item| match item {
            Item::Function(function) => Some(function),
            Item::Other(_) => None,
        })
    }
}

impl Parse for Block {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        if !input.peek(Token![impl]) {
            return Err(
                input.error("`#[swarm::worker]` stands above the impl block of a worker: `impl Account { .. }`")
            );
        }
        let impl_token = input.parse()?;
        let mut generics: Generics = input.parse()?;
        let own: Type = input.parse()?;
        if input.peek(Token![for]) {
            let text = "a worker is a type, not a trait: write `#[swarm::worker]` above its own `impl` block";
            return Err(Error::new_spanned(own, text));
        }
        generics.where_clause = input.parse()?;
        let content;
        braced!(content in input);
        let mut items = Vec::new();
        while !content.is_empty() {
            items.push(content.parse()?);
        }
        Ok(Self { attributes, generics, own, items, impl_token })
    }
}

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let ahead = input.fork();
        ahead.call(Attribute::parse_outer)?;
        ahead.parse::<Visibility>()?;
        if ahead.parse::<Signature>().is_ok() && ahead.peek(syn::token::Brace) {
            let (marks, attributes) = input.call(Attribute::parse_outer)?.into_iter().partition(is_mark);
            return Ok(Self::Function(Function {
                marks,
                attributes,
                visibility: input.parse()?,
                signature: input.parse()?,
                body: input.parse()?,
            }));
        }
        let mut tokens = TokenStream::new();
        let semicolon_ends = ahead.peek(Token![const]) || ahead.peek(Token![type]);
        while !input.is_empty() {
            let token: TokenTree = input.parse()?;
            let ends = match &token {
                TokenTree::Punct(punct) => punct.as_char() == ';',
                TokenTree::Group(group) => group.delimiter() == Delimiter::Brace && !semicolon_ends,
                TokenTree::Ident(_) | TokenTree::Literal(_) => false,
            };
            tokens.append(token);
            if ends {
                break;
            }
        }
        Ok(Self::Other(without_inner(tokens)))
    }
}

/// Whether an attribute is one of ours: `#[call]`, `#[swarm::prelude::call]`, and so in a renamed crate.
fn is_mark(attribute: &Attribute) -> bool {
    let segments = &attribute.path().segments;
    let ours = segments.last().is_some_and(|last| INNER.iter().any(|inner| last.ident == inner));
    let module = segments.len().checked_sub(2).map(|at| &segments[at].ident);
    ours && module.is_none_or(|module| module == "prelude" || module == "swarm")
}

impl ToTokens for Block {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { attributes, generics, own, items, impl_token } = self;
        let bounds = &generics.where_clause;
        let items = items.iter().map(|item| match item {
            Item::Function(Function { attributes, visibility, signature, body, .. }) => {
                quote!(#(#attributes)* #visibility #signature #body)
            }
            Item::Other(tokens) => tokens.clone(),
        });
        tokens.extend(quote!(#(#attributes)* #impl_token #generics #own #bounds { #(#items)* }));
    }
}

/// What could not be read, without our attributes: they would only add errors of their own.
pub(crate) fn without_inner(tokens: TokenStream) -> TokenStream {
    let mut kept: Vec<TokenTree> = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let first = group.stream().into_iter().next();
                let ours = matches!(&first, Some(TokenTree::Ident(ident)) if INNER.iter().any(|inner| ident == inner));
                let hash = matches!(kept.last(), Some(TokenTree::Punct(punct)) if punct.as_char() == '#');
                if group.delimiter() == Delimiter::Bracket && ours && hash {
                    kept.pop();
                } else {
                    let mut inner = Group::new(group.delimiter(), without_inner(group.stream()));
                    inner.set_span(group.span());
                    kept.push(inner.into());
                }
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => kept.push(token),
        }
    }
    kept.into_iter().collect()
}
