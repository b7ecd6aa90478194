//! Owns why the program did not do what it was asked to, and the status that it ends with.

use std::io;

use serde_json::{Value, json};
use swarm::admin::{ClientError, Code, Ran};

use crate::words::plain;

/// What the statuses mean, for `--help`.
pub(crate) const STATUSES: &str = "\
Exit status:
  0  done
  1  not found, or refused: the text says why
  2  wrong usage, or it is not clear which node is meant
  3  no node can be reached
  4  a node was reached, and did not answer in time
  5  `doctor` has found something";

/// Why it was not done.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A node has answered that it does not do it, or what was waited for has not come.
    Refused(Code, String),
    /// It is not clear what was meant.
    Usage(String),
    /// Nobody could be reached.
    Unreachable(String),
    /// There was no answer.
    Silent(String),
    /// `doctor` has found something, and told it.
    Found,
    /// The answer could not be written.
    Output(io::Error),
    /// A message to a worker came to nothing; its handler may have run.
    Message(Box<Failure>, Ran),
}

impl Failure {
    /// The program's exit status.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Refused(..) | Self::Output(_) => 1,
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 3,
            Self::Silent(_) => 4,
            Self::Found => 5,
            Self::Message(failure, _) => failure.status(),
        }
    }

    /// What is said about it.
    pub(crate) fn told(&self, json: bool) -> String {
        let (error, text) = self.parts();
        if json {
            serde_json::json!({ "error": error }).to_string()
        } else {
            // The text may hold names that anybody has given, but its lines are this program's.
            format!("swarmctl: {}", text.split('\n').map(plain).collect::<Vec<_>>().join("\n"))
        }
    }

    /// It for programs, and for people.
    fn parts(&self) -> (Value, String) {
        let (code, text) = match self {
            Self::Refused(code, text) => (json!(code), text.clone()),
            Self::Usage(text) => ("usage".into(), text.clone()),
            Self::Unreachable(text) => ("unreachable".into(), text.clone()),
            Self::Silent(text) => ("timeout".into(), text.clone()),
            Self::Found => ("found".into(), "something is wrong".to_owned()),
            Self::Output(error) => ("output".into(), error.to_string()),
            Self::Message(failure, ran) => {
                let (mut error, text) = failure.parts();
                error["executed"] = json!(ran);
                let ran = match ran {
                    Ran::No => "it did not run",
                    Ran::Yes => "it ran",
                    // The word is non-exhaustive, as above.
                    Ran::Maybe | _ => "nobody knows whether it ran",
                };
                return (error, format!("{text} ({ran})"));
            }
        };
        (json!({ "code": code, "text": text }), text)
    }

    /// Of a message to a worker.
    pub(crate) fn message(error: ClientError) -> Self {
        let ran = error.executed();
        Self::Message(Box::new(error.into()), ran)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let text = error.to_string();
        match error {
            ClientError::Refused(refusal) if refusal.code == Code::Timeout => Self::Silent(text),
            ClientError::Refused(refusal) => Self::Refused(refusal.code, text),
            ClientError::Unreachable { .. } | ClientError::Foreign { .. } => Self::Unreachable(text),
            ClientError::Secret(_) => Self::Usage(text),
            ClientError::Late(_) | ClientError::Lost(_) => Self::Silent(text),
            // The error is non-exhaustive, since the client is for other programs, too.
            _ => Self::Silent(text),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}
