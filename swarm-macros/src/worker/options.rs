//! Owns the options of `#[swarm::worker(..)]`.

use proc_macro2::TokenStream;
use syn::parse::ParseStream;
use syn::{Error, Ident, LitInt, LitStr, Path, Token, Type};

use crate::mistakes::Mistakes;
use crate::options;

/// What stands in the parentheses.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) name: Option<String>,
    /// `state = Self`, at its place.
    pub(crate) whole_state: Option<Ident>,
    pub(crate) mailbox: Option<LitInt>,
    /// The variant of `Restart`.
    pub(crate) restart: Option<&'static str>,
    pub(crate) manual: bool,
    pub(crate) module: Option<Ident>,
    pub(crate) krate: Option<Path>,
    pub(crate) pool: bool,
    pub(crate) public: bool,
    pub(crate) json: bool,
}

impl Options {
    /// The options that can be read; the others are mistakes.
    pub(crate) fn read(tokens: TokenStream, mistakes: &mut Mistakes) -> Self {
        let mut found = Self::default();
        let mut seen: Vec<Ident> = Vec::new();
        options::read(tokens, mistakes, |input, mistakes| {
            let keyword = options::keyword(input)?;
            if seen.contains(&keyword) {
                mistakes.at(&keyword, format!("`{keyword}` is given twice: remove one"));
            }
            seen.push(keyword.clone());
            found.option(&keyword, input)
        });
        found
    }

    fn option(&mut self, keyword: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
        match keyword.to_string().as_str() {
            "name" => self.name = Some(options::text(input)?.value()),
            "crate" => self.krate = Some(options::path(input)?),
            "state" => {
                input.parse::<Token![=]>()?;
                let ty: Type = input.parse()?;
                let own = matches!(&ty, Type::Path(path) if path.path.is_ident("Self"));
                if !own {
                    let text =
                        "the state that moves is the whole worker, `state = Self`, or what `#[begin_handoff]` returns";
                    return Err(Error::new_spanned(ty, text));
                }
                self.whole_state = Some(keyword.clone());
            }
            "mailbox" => {
                input.parse::<Token![=]>()?;
                let bound: LitInt = input.parse()?;
                if bound.base10_parse::<u32>()? == 0 {
                    return Err(Error::new(
                        bound.span(),
                        "a worker needs room for one message: write `mailbox = 1` or more",
                    ));
                }
                self.mailbox = Some(bound);
            }
            "restart" => {
                self.restart = Some(match word(input)? {
                    (_, word) if word == "permanent" => "Permanent",
                    (_, word) if word == "transient" => "Transient",
                    (_, word) if word == "temporary" => "Temporary",
                    (ident, _) => {
                        return Err(Error::new(ident.span(), "write `permanent`, `transient` or `temporary`"));
                    }
                });
            }
            "register" => {
                let (ident, word) = word(input)?;
                if word != "manual" {
                    return Err(Error::new(ident.span(), "write `register = manual`, or leave it out"));
                }
                self.manual = true;
            }
            "module" => {
                input.parse::<Token![=]>()?;
                self.module = Some(input.parse()?);
            }
            "dispatch" => {
                input.parse::<Token![=]>()?;
                let text: LitStr = input.parse()?;
                if text.value() != "pool" {
                    return Err(Error::new(text.span(), "write `dispatch = \"pool\"`, or leave it out"));
                }
                self.pool = true;
            }
            "public" => {
                options::alone("public", input)?;
                self.public = true;
            }
            "json" => {
                options::alone("json", input)?;
                self.json = true;
            }
            _ => {
                let text = "a worker has the options `name = \"..\"`, `state = Self`, `mailbox = 256`, `restart = permanent`, \
                            `register = manual`, `module = ident`, `crate = path`, `dispatch = \"pool\"`, `public` and `json`";
                return Err(Error::new(keyword.span(), text));
            }
        }
        Ok(())
    }
}

fn word(input: ParseStream<'_>) -> syn::Result<(Ident, String)> {
    input.parse::<Token![=]>()?;
    let ident: Ident = input.parse()?;
    let word = ident.to_string();
    Ok((ident, word))
}
