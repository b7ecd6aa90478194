//! Skeleton.
use proc_macro::TokenStream;
/// x
#[proc_macro_attribute] pub fn worker(_: TokenStream, i: TokenStream) -> TokenStream { i }
/// x
#[proc_macro_attribute] pub fn message(_: TokenStream, i: TokenStream) -> TokenStream { i }
/// x
#[proc_macro_derive(Group, attributes(group))] pub fn group(_: TokenStream) -> TokenStream { TokenStream::new() }
/// x
#[proc_macro_attribute] pub fn init(_: TokenStream, i: TokenStream) -> TokenStream { i }
/// x
#[proc_macro_attribute] pub fn call(_: TokenStream, i: TokenStream) -> TokenStream { i }
/// x
#[proc_macro_attribute] pub fn cast(_: TokenStream, i: TokenStream) -> TokenStream { i }
/// x
#[proc_macro_attribute] pub fn begin_handoff(_: TokenStream, i: TokenStream) -> TokenStream { i }
/// x
#[proc_macro_attribute] pub fn end_handoff(_: TokenStream, i: TokenStream) -> TokenStream { i }
/// x
#[proc_macro_attribute] pub fn resolve_conflict(_: TokenStream, i: TokenStream) -> TokenStream { i }
/// x
#[proc_macro_attribute] pub fn die(_: TokenStream, i: TokenStream) -> TokenStream { i }
