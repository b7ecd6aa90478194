//! Owns `#[swarm::worker]`: the block as it was written ([`parse`]), what is meant ([`model`]), and what is generated
//! ([`expand`], [`client`], [`messages`], [`described`]).

mod client;
mod described;
mod expand;
mod handler;
mod hook;
mod messages;
mod model;
mod options;
mod parse;
mod shape;

use proc_macro2::TokenStream;
use quote::quote;

use crate::mistakes::Mistakes;

/// The attributes of methods that mean something inside a worker.
const INNER: [&str; 7] = ["init", "call", "cast", "begin_handoff", "end_handoff", "resolve_conflict", "die"];

/// The block without our attributes, and everything that makes it a worker.
pub(crate) fn worker(options: TokenStream, block: TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let options = options::Options::read(options, &mut mistakes);
    let block = match syn::parse2::<parse::Block>(block.clone()) {
        Ok(block) => block,
        Err(error) => {
            mistakes.add(error);
            let errors = mistakes.into_tokens();
            let block = parse::without_inner(block);
            return quote!(#block #errors);
        }
    };
    let Some(mut model) = model::Worker::of(&block, options, &mut mistakes) else {
        let errors = mistakes.into_tokens();
        return quote!(#block #errors);
    };
    if mistakes.any() {
        // It does not run, and what nobody can call needs no JSON: serde would only have more to say about the same.
        model.options.json = false;
    }
    let checks = expand::checks(&model);
    let messages = messages::expand(&model);
    let client = client::expand(&model);
    let worker = expand::expand(&model);
    let errors = mistakes.into_tokens();
    quote!(#checks #block #messages #client #worker #errors)
}
