//! Owns the table of commands, and how words become what is to be done. Never does any of it.

use bytes::Bytes;
use swarm::Name;

use super::entry::{Life, Op, Unit, When, integer};
use super::key::name_of;
use super::parser::BULK_BYTES_MAX;
use super::reply::Reply;
use super::server::CONNECTIONS_MAX;

/// A value that lives longer lives for ever, as far as anybody can tell, and is a mistake.
const LIFE_MS_MAX: i64 = i64::MAX / 2;

/// What one command asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// Nothing of any key.
    Reply(Reply),
    /// Something of one key; its answer is the reply.
    One(Name, Op),
    /// The same of each key; the reply lists the answers.
    Each(Vec<Name>, Op),
    /// The same of each key; the reply is the sum of the answers.
    Sum(Vec<Name>, Op),
    /// What there is to know of this node.
    Info,
    /// The end, with a reply.
    Quit,
    /// The end without one: no client of ours says so, but a browser that was led here does.
    HangUp,
}

/// One command of the table.
struct Form {
    name: &'static str,
    /// How many words, its name among them; if negative, at least so many.
    arity: i64,
    flags: &'static [&'static str],
    /// Which words are keys: the first, the last (from behind, if negative), and the step.
    keys: (i64, i64, i64),
    read: fn(&[Bytes]) -> Result<Command, Mistake>,
}

const fn form(
    name: &'static str,
    arity: i64,
    flags: &'static [&'static str],
    keys: (i64, i64, i64),
    read: fn(&[Bytes]) -> Result<Command, Mistake>,
) -> Form {
    Form { name, arity, flags, keys, read }
}

const READS: &[&str] = &["readonly", "fast"];
const WRITES: &[&str] = &["write", "denyoom", "fast"];
const FREES: &[&str] = &["write", "fast"];
const TALKS: &[&str] = &["fast", "loading", "stale"];
const NONE: (i64, i64, i64) = (0, 0, 0);
const FIRST: (i64, i64, i64) = (1, 1, 1);
const ALL: (i64, i64, i64) = (1, -1, 1);

const FORMS: &[Form] = &[
    form("get", 2, READS, FIRST, |words| one(words, Op::Get)),
    form("set", -3, WRITES, FIRST, set),
    form("incr", 2, WRITES, FIRST, |words| one(words, Op::Add(1))),
    form("incrby", 3, WRITES, FIRST, |words| one(words, Op::Add(number(&words[2])?))),
    form("decr", 2, WRITES, FIRST, |words| one(words, Op::Add(-1))),
    form("decrby", 3, WRITES, FIRST, |words| {
        one(words, Op::Add(number(&words[2])?.checked_neg().ok_or(Mistake::Negated)?))
    }),
    form("del", -2, FREES, ALL, |words| Ok(Command::Sum(names(&words[1..])?, Op::Delete))),
    form("exists", -2, READS, ALL, |words| Ok(Command::Sum(names(&words[1..])?, Op::Exists))),
    form("mget", -2, READS, ALL, |words| Ok(Command::Each(names(&words[1..])?, Op::Get))),
    form("expire", -3, FREES, FIRST, |words| expire(words, 1_000)),
    form("pexpire", -3, FREES, FIRST, |words| expire(words, 1)),
    form("ttl", 2, READS, FIRST, |words| one(words, Op::TimeLeft(Unit::Seconds))),
    form("pttl", 2, READS, FIRST, |words| one(words, Op::TimeLeft(Unit::Millis))),
    form("ping", -1, TALKS, NONE, ping),
    form("echo", 2, TALKS, NONE, |words| Ok(Command::Reply(bulk(&words[1])))),
    form("select", 2, TALKS, NONE, select),
    form("quit", -1, TALKS, NONE, |_| Ok(Command::Quit)),
    form("info", -1, TALKS, NONE, |_| Ok(Command::Info)),
    form("config", -2, &["admin"], NONE, config),
    form("command", -1, TALKS, NONE, command),
];

/// What `CONFIG GET` tells: what clients ask for at their start.
fn settings() -> [(&'static str, String); 5] {
    [
        ("save", String::new()),
        ("appendonly", "no".to_owned()),
        ("databases", "1".to_owned()),
        ("maxclients", CONNECTIONS_MAX.to_string()),
        ("proto-max-bulk-len", BULK_BYTES_MAX.to_string()),
    ]
}

/// Why a command is not done, in Redis's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Mistake {
    #[error("ERR unknown command '{0}', with args beginning with: {1}")]
    Unknown(String, String),
    #[error("ERR unknown subcommand '{0}'")]
    UnknownPart(String),
    #[error("ERR wrong number of arguments for '{0}' command")]
    Arity(String),
    #[error("ERR syntax error")]
    Syntax,
    #[error("ERR value is not an integer or out of range")]
    Number,
    #[error("ERR decrement would overflow")]
    Negated,
    #[error("ERR invalid expire time in '{0}' command")]
    Life(String),
    #[error("ERR Unsupported option {0}")]
    Option(String),
    #[error("ERR DB index is out of range")]
    Database,
    #[error("ERR a key may be {} bytes long, and half of it if it is no text", Name::BYTES_MAX)]
    Key,
}

/// What the words of a command ask for. There is at least one.
pub(super) fn read(words: &[Bytes]) -> Command {
    if is(&words[0], "post") || is(&words[0], "host:") {
        return Command::HangUp;
    }
    let read = match FORMS.iter().find(|form| is(&words[0], form.name)) {
        None => Err(Mistake::Unknown(shown(&words[0]), words[1..].iter().take(8).map(quoted).collect())),
        Some(form) if !form.takes(words.len()) => Err(Mistake::Arity(form.name.to_owned())),
        Some(form) => (form.read)(words),
    };
    read.unwrap_or_else(|mistake| Command::Reply(Reply::Error(mistake.to_string())))
}

impl Form {
    fn takes(&self, words: usize) -> bool {
        let words = i64::try_from(words).unwrap_or(i64::MAX);
        if self.arity < 0 { words >= -self.arity } else { words == self.arity }
    }

    fn described(&self) -> Reply {
        let (first, last, step) = self.keys;
        Reply::Array(vec![
            Reply::text(self.name),
            Reply::Number(self.arity),
            Reply::Array(self.flags.iter().map(|flag| Reply::Simple(flag)).collect()),
            Reply::Number(first),
            Reply::Number(last),
            Reply::Number(step),
        ])
    }
}

fn one(words: &[Bytes], op: Op) -> Result<Command, Mistake> {
    Ok(Command::One(name(&words[1])?, op))
}

fn names(keys: &[Bytes]) -> Result<Vec<Name>, Mistake> {
    keys.iter().map(name).collect()
}

fn name(key: &Bytes) -> Result<Name, Mistake> {
    name_of(key).map_err(|_| Mistake::Key)
}

fn number(word: &Bytes) -> Result<i64, Mistake> {
    integer(word).ok_or(Mistake::Number)
}

fn set(words: &[Bytes]) -> Result<Command, Mistake> {
    let (mut life, mut when, mut previous) = (None, None, false);
    let mut options = words[3..].iter();
    while let Some(option) = options.next() {
        if is(option, "nx") && when.is_none() {
            when = Some(When::Absent);
        } else if is(option, "xx") && when.is_none() {
            when = Some(When::Present);
        } else if is(option, "get") {
            previous = true;
        } else if is(option, "keepttl") && life.is_none() {
            life = Some(Life::Kept);
        } else if let Some(unit_ms) = unit_ms(option).filter(|_| life.is_none()) {
            let span = number(options.next().ok_or(Mistake::Syntax)?)?;
            let span = millis(span, unit_ms).filter(|millis| *millis > 0);
            life = Some(Life::Millis(span.ok_or_else(|| Mistake::Life("set".to_owned()))?));
        } else {
            return Err(Mistake::Syntax);
        }
    }
    let (life, when) = (life.unwrap_or(Life::Unlimited), when.unwrap_or(When::Always));
    one(words, Op::Set { value: words[2].to_vec(), life, when, previous })
}

fn unit_ms(option: &Bytes) -> Option<i64> {
    if is(option, "ex") {
        return Some(1_000);
    }
    is(option, "px").then_some(1)
}

fn expire(words: &[Bytes], unit_ms: i64) -> Result<Command, Mistake> {
    let span = number(&words[2])?;
    if let Some(option) = words.get(3) {
        return Err(Mistake::Option(shown(option)));
    }
    let span = millis(span, unit_ms).ok_or_else(|| Mistake::Life(shown(&words[0]).to_ascii_lowercase()))?;
    one(words, Op::Expire(span))
}

fn millis(span: i64, unit_ms: i64) -> Option<i64> {
    span.checked_mul(unit_ms).filter(|millis| *millis <= LIFE_MS_MAX)
}

fn ping(words: &[Bytes]) -> Result<Command, Mistake> {
    match words {
        [_] => Ok(Command::Reply(Reply::Simple("PONG"))),
        [_, words] => Ok(Command::Reply(bulk(words))),
        _ => Err(Mistake::Arity("ping".to_owned())),
    }
}

fn select(words: &[Bytes]) -> Result<Command, Mistake> {
    if number(&words[1])? == 0 { Ok(Command::Reply(Reply::OK)) } else { Err(Mistake::Database) }
}

fn config(words: &[Bytes]) -> Result<Command, Mistake> {
    if !is(&words[1], "get") {
        return Err(Mistake::UnknownPart(shown(&words[1])));
    }
    if words.len() < 3 {
        return Err(Mistake::Arity("config|get".to_owned()));
    }
    let asked = |setting: &str| words[2..].iter().any(|word| is(word, "*") || is(word, setting));
    let told = settings().into_iter().filter(|(setting, _)| asked(setting));
    Ok(Command::Reply(Reply::Array(
        told.flat_map(|(setting, value)| [Reply::text(setting), Reply::text(value)]).collect(),
    )))
}

fn command(words: &[Bytes]) -> Result<Command, Mistake> {
    let of_name = |name: &Bytes| FORMS.iter().find(|form| is(name, form.name)).map_or(Reply::Nil, Form::described);
    let all = || Reply::Array(FORMS.iter().map(Form::described).collect());
    Ok(Command::Reply(match words.get(1) {
        None => all(),
        Some(part) if is(part, "count") => Reply::Number(FORMS.len() as i64),
        Some(part) if is(part, "info") && words.len() == 2 => all(),
        Some(part) if is(part, "info") => Reply::Array(words[2..].iter().map(of_name).collect()),
        // There is nothing to read, and redis-cli asks for it when it starts.
        Some(part) if is(part, "docs") => Reply::Array(Vec::new()),
        Some(part) => return Err(Mistake::UnknownPart(shown(part))),
    }))
}

fn is(word: &Bytes, name: &str) -> bool {
    word.eq_ignore_ascii_case(name.as_bytes())
}

fn bulk(word: &Bytes) -> Reply {
    Reply::Bulk(word.to_vec())
}

/// A word of a stranger's, so short that it can stand in a text.
fn shown(word: &Bytes) -> String {
    word[..word.len().min(64)].escape_ascii().to_string()
}

fn quoted(word: &Bytes) -> String {
    format!("'{}' ", shown(word))
}

#[cfg(test)]
mod tests;
