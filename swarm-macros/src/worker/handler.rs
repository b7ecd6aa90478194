//! Owns the model of one `#[call]` or `#[cast]`: its message, its reply and its options.

use std::time::Duration;

use syn::parse::ParseStream;
use syn::{Attribute, Error, Ident, LitStr, Meta, Token, Type};

use super::shape::{self, Argument, Shape};
use crate::mistakes::Mistakes;
use crate::options;
use crate::travel::{self, Fault};

/// Names that generated clients have themselves.
const RESERVED: [&str; 9] =
    ["at", "on", "call", "cast", "register", "register_local", "whereis_or_register", "whereis", "unregister"];

/// A method that handles a message.
pub(crate) struct Handler {
    pub(crate) shape: Shape,
    pub(crate) message: Message,
    pub(crate) answer: Answer,
    /// Its name is one of the client's own, so that the client has no method for it.
    pub(crate) reserved: bool,
}

/// What it handles.
pub(crate) enum Message {
    /// Its arguments, as a generated struct.
    Generated { ident: Ident, wire: String, fields: Vec<Argument> },
    /// The user's own type, by value.
    Owned(Type),
    /// The user's own type, read in place.
    Archived(Type),
}

/// What comes back.
pub(crate) enum Answer {
    Call { reply: Type, timeout: Option<Duration> },
    Cast,
}

impl Answer {
    /// The type of the reply, if there is one.
    pub(crate) fn reply(&self) -> Option<&Type> {
        match self {
            Self::Call { reply, .. } => Some(reply),
            Self::Cast => None,
        }
    }
}

#[derive(Default)]
struct Options {
    message: Option<Type>,
    name: Option<LitStr>,
    timeout: Option<(Ident, Duration)>,
}

impl Handler {
    /// The handler under `mark`, if it can be used at all.
    pub(crate) fn of(
        shape: Shape,
        mark: &Attribute,
        cast: bool,
        worker: &str,
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        let options = mistakes.take(Options::read(mark)).unwrap_or_default();
        let reserved = RESERVED.contains(&shape.name().as_str());
        if reserved {
            let text = format!("`{}` is something that every client has already: rename this method", shape.name());
            mistakes.at(&shape.ident, text);
        }
        let answer = answer(&shape, cast, &options, mistakes);
        let message = match options.message {
            Some(ty) => {
                if let Some(name) = &options.name {
                    let text = format!(
                        "`{0}` has a name of its own: write `#[swarm::message(name = ..)]` above `{0}`",
                        travel::show(&ty)
                    );
                    mistakes.at(name, text);
                }
                own(&shape, ty, cast, mistakes)
            }
            None => generated(&shape, options.name.as_ref(), worker, mistakes),
        };
        Some(Self { message: message?, answer: answer?, shape, reserved })
    }
}

fn answer(shape: &Shape, cast: bool, options: &Options, mistakes: &mut Mistakes) -> Option<Answer> {
    if cast {
        if let Some(reply) = shape.output.as_ref().filter(|output| !shape::is_unit(output)) {
            mistakes.at(reply, "a `#[cast]` has no reply: remove it, or write `#[call]`");
        }
        if let Some((keyword, _)) = &options.timeout {
            mistakes.at(keyword, "nobody waits for a `#[cast]`: remove the timeout");
        }
        return Some(Answer::Cast);
    }
    let reply = shape.output.clone().unwrap_or_else(|| syn::parse_quote!(()));
    travel::check(&reply, mistakes).ok()?;
    Some(Answer::Call { reply, timeout: options.timeout.as_ref().map(|(_, timeout)| *timeout) })
}

fn own(shape: &Shape, ty: Type, cast: bool, mistakes: &mut Mistakes) -> Option<Message> {
    let message = match &shape.arguments[..] {
        [argument] => match &*argument.ty {
            Type::Reference(reference) => match travel::archived(reference) {
                Some(_) => Some(Message::Archived(ty.clone())),
                None => {
                    travel::check(&argument.ty, mistakes).ok()?;
                    None
                }
            },
            _ => Some(Message::Owned(ty.clone())),
        },
        _ => {
            let mark = if cast { "cast" } else { "call" };
            let ty = travel::show(&ty);
            let text = format!(
                "`#[{mark}({ty})]` takes one message: write `msg: {ty}` or `msg: &Archived<{ty}>` as the only argument after the \
                 context"
            );
            mistakes.at(&shape.ident, text);
            None
        }
    };
    travel::check(&ty, mistakes).ok()?;
    message
}

fn generated(shape: &Shape, name: Option<&LitStr>, worker: &str, mistakes: &mut Mistakes) -> Option<Message> {
    let mut usable = true;
    for argument in &shape.arguments {
        if shape::is_context_by_value(&argument.ty) {
            mistakes.at(&argument.ty, "the context is lent: write `&Context<Self>`, as the first argument");
            usable = false;
            continue;
        }
        usable &= travel::check(&argument.ty, mistakes) != Err(Fault::Hopeless);
    }
    let fields = shape::named(&shape.arguments, mistakes)?;
    let name_in_rust = camel(&shape.name());
    // rkyv's derives mean Rust's own `Sized` by that name.
    if name_in_rust == "Sized" || syn::parse_str::<Ident>(&name_in_rust).is_err() {
        let text = format!("the message of `{}` cannot be called `{name_in_rust}`: rename this method", shape.ident);
        mistakes.at(&shape.ident, text);
        return None;
    }
    usable.then(|| Message::Generated {
        ident: Ident::new(&name_in_rust, shape.ident.span()),
        wire: format!("{worker}/{}", name.map_or_else(|| shape.name(), LitStr::value)),
        fields,
    })
}

impl Options {
    fn read(mark: &Attribute) -> syn::Result<Self> {
        match &mark.meta {
            Meta::Path(_) => Ok(Self::default()),
            Meta::List(_) => mark.parse_args_with(|input: ParseStream<'_>| {
                let mut found = Self::default();
                while !input.is_empty() {
                    found.option(input)?;
                    options::separator(input)?;
                }
                Ok(found)
            }),
            Meta::NameValue(meta) => {
                Err(Error::new_spanned(meta, "write `#[call]`, `#[call(Message)]` or `#[call(name = \"..\")]`"))
            }
        }
    }

    fn option(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        if !input.peek2(Token![=]) {
            let ty: Type = input.parse()?;
            if self.message.is_some() {
                return Err(Error::new_spanned(ty, "a method handles one message: write another method for this one"));
            }
            self.message = Some(ty);
            return Ok(());
        }
        let keyword = options::keyword(input)?;
        match keyword.to_string().as_str() {
            "name" => self.name = Some(options::text(input)?),
            "timeout" => {
                input.parse::<Token![=]>()?;
                let text: LitStr = input.parse()?;
                self.timeout = Some((keyword, duration(&text)?));
            }
            _ => {
                let text =
                    "a method has the options `name = \"..\"` and `timeout = \"200ms\"`, after the type of its message";
                return Err(Error::new(keyword.span(), text));
            }
        }
        Ok(())
    }
}

/// `200ms`, `1s`: a whole number and its unit.
fn duration(text: &LitStr) -> syn::Result<Duration> {
    let value = text.value();
    let digits = value.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(value.len());
    let number: Option<u64> = value[..digits].parse().ok();
    let duration = match (number, value[digits..].trim()) {
        (Some(number), "us") => Some(Duration::from_micros(number)),
        (Some(number), "ms") => Some(Duration::from_millis(number)),
        (Some(number), "s") => Some(Duration::from_secs(number)),
        (Some(number), "min") => number.checked_mul(60).map(Duration::from_secs),
        _ => None,
    };
    duration
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| Error::new(text.span(), "write a duration as `200ms`, `5s` or `1min` (`us`, `ms`, `s`, `min`)"))
}

/// `register_all` as a type's name: `RegisterAll`.
fn camel(snake: &str) -> String {
    let mut out = String::with_capacity(snake.len());
    for word in snake.split('_') {
        let mut letters = word.chars();
        out.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        out.push_str(letters.as_str());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_named_in_camel_case() {
        let names = [("get", "Get"), ("register_all", "RegisterAll"), ("_x", "X"), ("a__b", "AB")];
        for (snake, name) in names {
            assert_eq!(camel(snake), name);
        }
    }

    #[test]
    fn durations_have_a_whole_number_and_a_unit() {
        let read = |text: &str| duration(&LitStr::new(text, proc_macro2::Span::call_site())).ok();
        assert_eq!(read("200ms"), Some(Duration::from_millis(200)));
        assert_eq!(read("3 s"), Some(Duration::from_secs(3)));
        assert_eq!(read("2min"), Some(Duration::from_secs(120)));
        assert_eq!(read("7us"), Some(Duration::from_micros(7)));
        for bad in ["", "5", "s", "-1s", "1.5s", "0ms", "1h", "99999999999999999999s", "400000000000000000min"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
