//! Owns what the inner attributes say outside a worker. Inside one they are taken off before the compiler meets them.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::Error;

/// The item, and an error at its attribute.
pub(crate) fn misplaced(attribute: &str, item: TokenStream) -> TokenStream {
    let error = Error::new(
        Span::call_site(),
        format!("`#[{attribute}]` has a meaning only on a method of an impl block marked `#[swarm::worker]`"),
    )
    .into_compile_error();
    quote!(#error #item)
}
