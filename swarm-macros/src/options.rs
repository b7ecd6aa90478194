//! Owns the grammar that all attributes share: `name = value` and its values. Never knows which options there are.

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Error, Ident, LitStr, Path, Token, parse_quote_spanned};

use crate::mistakes::Mistakes;

/// Reads options one after the other. One that cannot be read is a mistake, and the others are read all the same.
pub(crate) fn read(
    tokens: TokenStream,
    mistakes: &mut Mistakes,
    mut option: impl FnMut(ParseStream<'_>, &mut Mistakes) -> syn::Result<()>,
) {
    let all = |input: ParseStream<'_>| {
        while !input.is_empty() {
            match option(input, mistakes) {
                Ok(()) => separator(input)?,
                Err(error) => {
                    mistakes.add(error);
                    skip(input)?;
                }
            }
        }
        Ok(())
    };
    let rest = all.parse2(tokens);
    mistakes.take(rest);
}

/// The keyword of an option, which may be one of Rust's (`crate`).
pub(crate) fn keyword(input: ParseStream<'_>) -> syn::Result<Ident> {
    input.call(Ident::parse_any)
}

/// An option's value: ` = "text"`.
pub(crate) fn text(input: ParseStream<'_>) -> syn::Result<LitStr> {
    input.parse::<Token![=]>()?;
    let text: LitStr = input.parse()?;
    if text.value().is_empty() {
        return Err(Error::new(text.span(), "a name on the wire cannot be empty"));
    }
    Ok(text)
}

/// An option's value: ` = path`.
pub(crate) fn path(input: ParseStream<'_>) -> syn::Result<Path> {
    input.parse::<Token![=]>()?;
    input.call(Path::parse_mod_style)
}

/// An option that has no value.
pub(crate) fn alone(keyword: &str, input: ParseStream<'_>) -> syn::Result<()> {
    match input.peek(Token![=]) {
        true => Err(Error::new(input.span(), format!("write `{keyword}` alone, or leave it out"))),
        false => Ok(()),
    }
}

/// Goes over the comma between two options. After a bad option it skips what is left of it.
pub(crate) fn separator(input: ParseStream<'_>) -> syn::Result<()> {
    if input.is_empty() {
        return Ok(());
    }
    input.parse::<Token![,]>().map(drop)
}

/// Skips what is left of an option that could not be read, and its comma.
fn skip(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() {
        if input.parse::<proc_macro2::TokenTree>()?.to_string() == "," {
            break;
        }
    }
    Ok(())
}

/// Where generated code finds everything: `<crate>::__private`.
pub(crate) fn private(krate: Option<&Path>) -> Path {
    let span = Span::call_site();
    match krate {
        Some(krate) => parse_quote_spanned!(span=> #krate::__private),
        None => parse_quote_spanned!(span=> ::swarm::__private),
    }
}
