//! Owns `#[swarm::message]`: what it reads ([`parse`]) and what it writes ([`expand`]).

pub(crate) mod expand;
pub(crate) mod parse;

use proc_macro2::TokenStream;
use quote::quote;

use crate::mistakes::Mistakes;

/// The item with everything that a message needs.
pub(crate) fn message(options: TokenStream, item: TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let options = parse::Options::read(options, &mut mistakes);
    let message = match parse::Message::read(item.clone(), options, &mut mistakes) {
        Ok(message) => message,
        Err(error) => {
            mistakes.add(error);
            let errors = mistakes.into_tokens();
            return quote!(#errors #item);
        }
    };
    let checks = expand::checks(&message);
    let item = expand::expand(&message);
    let errors = mistakes.into_tokens();
    quote!(#checks #item #errors)
}
