//! Owns the models of what is not a message: `#[init]`, and the hooks of handoff and death.

use proc_macro2::Span;
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{Generics, Type, parse_quote};

use super::shape::{self, Shape};
use crate::mistakes::Mistakes;
use crate::{paths, travel};

/// The most arguments that an `#[init]` has: tuples travel up to this size.
const INIT_ARGUMENTS_MAX: usize = 6;

/// The function that makes the worker.
pub(crate) struct Init {
    pub(crate) shape: Shape,
    /// What stands in the call of `register`: `()`, the one argument's type, or a tuple.
    pub(crate) arguments: Type,
    /// Where it says what it returns.
    pub(crate) returns: Span,
}

impl Init {
    pub(crate) fn of(shape: Shape, generics: &Generics, mistakes: &mut Mistakes) -> Option<Self> {
        let mut usable = true;
        for argument in &shape.arguments {
            if shape::is_context_by_value(&argument.ty) {
                mistakes.at(&argument.ty, "the context is lent: write `&Context<Self>`, as the first argument");
                usable = false;
            } else {
                usable &= travel::check(&argument.ty, mistakes).is_ok();
            }
        }
        if let Some(seventh) = shape.arguments.get(INIT_ARGUMENTS_MAX) {
            let text = "an `#[init]` has up to six arguments: put them into a struct with `#[swarm::message]`";
            mistakes.at(seventh, text);
            usable = false;
        }
        let Some(output) = &shape.output else {
            mistakes.at(
                &shape.ident,
                "`#[init]` makes the worker: write `-> Self` or `-> Result<Self, E>` with `E: Display`",
            );
            return None;
        };
        let returns = output.span();
        let types: Vec<&Type> = shape.arguments.iter().map(|argument| &*argument.ty).collect();
        let arguments: Type = match types[..] {
            [] => parse_quote!(()),
            [one] => {
                let bare = |name: String| name == one.to_token_stream().to_string();
                if generics.params.iter().map(paths::parameter).any(bare) {
                    mistakes.at(
                        one,
                        "a worker cannot be started with just any type (Rust's orphan rule): take a tuple, `(T,)`",
                    );
                    return None;
                }
                one.clone()
            }
            _ => parse_quote!((#(#types),*)),
        };
        usable.then_some(Self { shape, arguments, returns })
    }
}

/// A hook.
pub(crate) struct Hook {
    pub(crate) shape: Shape,
    pub(crate) role: Role,
}

/// Which hook it is, with the type of its one argument.
pub(crate) enum Role {
    Begin,
    End { state: Type },
    Resolve { state: Type },
    Die { reason: bool },
}

impl Hook {
    /// The hook under `#[mark]`, if it can be used at all.
    pub(crate) fn of(shape: Shape, mark: &str, mistakes: &mut Mistakes) -> Option<Self> {
        if mark == "begin_handoff" {
            if let Some(first) = shape.arguments.first() {
                mistakes.at(first, "`#[begin_handoff]` takes nothing but `&mut self` and the context");
                return None;
            }
            if shape.output.is_none() {
                let text = "`#[begin_handoff]` decides about the move: write `-> Handoff<State>` (or `-> Handoff`)";
                mistakes.at(&shape.ident, text);
                return None;
            }
            return Some(Self { shape, role: Role::Begin });
        }
        if let Some(output) = shape.output.as_ref().filter(|output| !shape::is_unit(output)) {
            mistakes.at(output, format!("`#[{mark}]` returns nothing: remove this"));
            return None;
        }
        let role = match (mark, &shape.arguments[..]) {
            ("die", []) => Role::Die { reason: false },
            ("die", [_]) => Role::Die { reason: true },
            ("die", [_, second, ..]) => {
                mistakes.at(second, "`#[die]` takes the reason alone: `fn die(&mut self, reason: Die)`");
                return None;
            }
            (_, [state]) => {
                let state = (*state.ty).clone();
                travel::check(&state, mistakes).ok()?;
                if mark == "end_handoff" { Role::End { state } } else { Role::Resolve { state } }
            }
            _ => {
                let text = format!("`#[{mark}]` takes the state alone: `fn {mark}(&mut self, state: State)`");
                mistakes.at(&shape.ident, text);
                return None;
            }
        };
        Some(Self { shape, role })
    }
}
