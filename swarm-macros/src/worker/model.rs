//! Owns what a worker's block means, and the mistakes that only the whole block shows: what is there twice, what is
//! missing, what does not go together.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::{Attribute, GenericParam, Generics, Ident, Meta, Path, Type};

use super::handler::{Handler, Message};
use super::hook::{Hook, Init, Role};
use super::options::Options;
use super::parse::{Block, Function};
use super::shape::{self, Shape};
use crate::mistakes::Mistakes;
use crate::{options, travel};

/// A worker, ready to be expanded.
pub(crate) struct Worker {
    pub(crate) options: Options,
    pub(crate) private: Path,
    pub(crate) wire: String,
    pub(crate) ident: Ident,
    pub(crate) client: Ident,
    pub(crate) module: Ident,
    pub(crate) own: Type,
    pub(crate) generics: Generics,
    /// None: it has none that can be used, which was reported. More than one differ in their `#[cfg]`s.
    pub(crate) inits: Vec<Init>,
    pub(crate) handlers: Vec<Handler>,
    pub(crate) hooks: Vec<Hook>,
}

impl Worker {
    /// The worker that a block describes; none if the block is not a type's.
    pub(crate) fn of(block: &Block, options: Options, mistakes: &mut Mistakes) -> Option<Self> {
        let Type::Path(path) = &block.own else {
            mistakes.at(&block.own, "a worker is a struct or an enum of yours: write `impl Account { .. }`");
            return None;
        };
        let ident = path.path.segments.last()?.ident.clone();
        for param in &block.generics.params {
            if let GenericParam::Lifetime(lifetime) = param {
                mistakes.at(lifetime, "a worker lives as long as its node and cannot borrow: remove the lifetime");
                return None;
            }
        }
        let plain = ident.unraw().to_string();
        let span = ident.span();
        let mut worker = Self {
            private: options::private(options.krate.as_ref()),
            wire: options.name.clone().unwrap_or_else(|| plain.clone()),
            client: Ident::new(&format!("{plain}Client"), span),
            module: options.module.clone().unwrap_or_else(|| module(&plain, span)),
            own: block.own.clone(),
            generics: block.generics.clone(),
            options,
            ident,
            inits: Vec::new(),
            handlers: Vec::new(),
            hooks: Vec::new(),
        };
        let (mut init_seen, mut begin_seen) = (false, false);
        for function in block.functions() {
            if let Some((mark, first)) = mark(function, mistakes) {
                init_seen |= mark == "init";
                begin_seen |= mark == "begin_handoff";
                worker.add(function, &mark, first, mistakes);
            }
        }
        if !init_seen {
            let text = format!(
                "worker `{plain}` has no `#[init]`: mark the function that makes it, e.g. `#[init] fn init() -> Self {{ .. }}`"
            );
            mistakes.at(&worker.own, text);
        }
        worker.pair_hooks(begin_seen, mistakes);
        Some(worker)
    }

    fn add(&mut self, function: &Function, mark: &str, attribute: &Attribute, mistakes: &mut Mistakes) {
        let Some(shape) = Shape::of(function, mark, mistakes) else {
            return;
        };
        if mark == "call" || mark == "cast" {
            let handler = Handler::of(shape, attribute, mark == "cast", &self.wire, mistakes);
            if let Some(handler) = handler.filter(|handler| self.is_new(handler, mistakes)) {
                self.handlers.push(handler);
            }
            return;
        }
        if !matches!(attribute.meta, Meta::Path(_)) {
            mistakes.at(attribute, format!("`#[{mark}]` has no options: write just that"));
        }
        let twice = |shape: &Shape, other: &Shape| shape.cfg.is_empty() || other.cfg.is_empty();
        if mark == "init" {
            if self.inits.iter().any(|init| twice(&init.shape, &shape)) {
                return mistakes.at(attribute, "a worker has one `#[init]`: remove this one");
            }
            if self.options.json {
                // They become fields of an object.
                shape::named(&shape.arguments, mistakes);
            }
            self.inits.extend(Init::of(shape, &self.generics, mistakes));
            return;
        }
        let Some(hook) = Hook::of(shape, mark, mistakes) else {
            return;
        };
        let same = |other: &&Hook| std::mem::discriminant(&other.role) == std::mem::discriminant(&hook.role);
        if self.hooks.iter().filter(same).any(|other| twice(&hook.shape, &other.shape)) {
            return mistakes.at(attribute, format!("a worker has one `#[{mark}]`: remove this one"));
        }
        self.hooks.push(hook);
    }

    /// Whether no other method handles the same message. Methods under `#[cfg]`s may exclude each other, which is
    /// the compiler's to know.
    fn is_new(&self, handler: &Handler, mistakes: &mut Mistakes) -> bool {
        let same = self.handlers.iter().find_map(|other| {
            let exclusive = !other.shape.cfg.is_empty() && !handler.shape.cfg.is_empty();
            let same = (!exclusive).then(|| clash(&other.message, &handler.message))?;
            same.map(|text| (text, &other.shape.ident))
        });
        let Some((what, other)) = same else {
            return true;
        };
        match &handler.message {
            Message::Owned(ty) | Message::Archived(ty) => {
                let text = format!("{what} is already handled by `{other}`: a worker has one method for a message");
                mistakes.at(ty, text);
            }
            Message::Generated { ident, .. } => {
                let text = format!("{what} is already that of `{other}`: rename one of the two");
                mistakes.at(ident, text);
            }
        }
        false
    }

    fn pair_hooks(&mut self, begins: bool, mistakes: &mut Mistakes) {
        let whole = self.options.whole_state.is_some();
        self.hooks.retain(|hook| match &hook.role {
            Role::Begin | Role::End { .. } if whole => {
                let text = "`state = Self` writes this hook: remove one of the two";
                mistakes.at(&hook.shape.ident, text);
                false
            }
            Role::End { .. } | Role::Resolve { .. } if !begins && !whole => {
                let name = if matches!(hook.role, Role::End { .. }) { "end_handoff" } else { "resolve_conflict" };
                let text = format!(
                    "`#[{name}]` takes the state that `#[begin_handoff]` gives, and there is none: add it, or write \
                     `#[swarm::worker(state = Self)]`"
                );
                mistakes.at(&hook.shape.ident, text);
                false
            }
            Role::Begin | Role::End { .. } | Role::Resolve { .. } | Role::Die { .. } => true,
        });
    }
}

/// The one mark of a function.
fn mark<'a>(function: &'a Function, mistakes: &mut Mistakes) -> Option<(String, &'a Attribute)> {
    let (first, others) = function.marks.split_first()?;
    for other in others {
        mistakes.at(other, "a function has one meaning to its worker: remove one of the attributes");
    }
    Some((first.path().segments.last()?.ident.to_string(), first))
}

/// What two messages have in common that must be one method's own.
fn clash(one: &Message, other: &Message) -> Option<String> {
    match (one, other) {
        (Message::Generated { ident, wire, .. }, Message::Generated { ident: other, wire: other_wire, .. }) => {
            if ident == other {
                Some(format!("the message `{ident}`"))
            } else {
                (wire == other_wire).then(|| format!("the wire name `{wire}`"))
            }
        }
        (Message::Owned(one) | Message::Archived(one), Message::Owned(other) | Message::Archived(other)) => {
            let show = travel::show(one);
            (show == travel::show(other)).then(|| format!("`{show}`"))
        }
        (Message::Generated { .. }, Message::Owned(_) | Message::Archived(_))
        | (Message::Owned(_) | Message::Archived(_), Message::Generated { .. }) => None,
    }
}

/// `BankAccount` as a module's name: `bank_account`.
fn module(camel: &str, span: Span) -> Ident {
    let letters: Vec<char> = camel.chars().collect();
    let mut snake = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| letters[before]);
        let starts = letter.is_uppercase()
            && before.is_some_and(|before| {
                let ends = letters.get(at + 1).is_some_and(|next| next.is_lowercase());
                before != '_' && (!before.is_uppercase() || ends)
            });
        if starts {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    syn::parse_str::<Ident>(&snake).map_or_else(
        |_| Ident::new_raw(&snake, span),
        |mut ident| {
            ident.set_span(span);
            ident
        },
    )
}

impl Worker {
    /// The type that the hooks name as the state.
    pub(crate) fn state(&self) -> Option<&Type> {
        let of = |wanted: fn(&Role) -> Option<&Type>| self.hooks.iter().find_map(|hook| wanted(&hook.role));
        of(|role| match role {
            Role::End { state } => Some(state),
            Role::Begin | Role::Resolve { .. } | Role::Die { .. } => None,
        })
        .or_else(|| {
            of(|role| match role {
                Role::Resolve { state } => Some(state),
                Role::Begin | Role::End { .. } | Role::Die { .. } => None,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_named_in_snake_case() {
        let names = [
            ("Account", "account"),
            ("BankAccount", "bank_account"),
            ("HTTPServer", "http_server"),
            ("Node2Node", "node2_node"),
            ("Old_Style", "old_style"),
            ("Match", "r#match"),
        ];
        for (camel, snake) in names {
            assert_eq!(module(camel, Span::call_site()).to_string(), snake);
        }
    }
}
