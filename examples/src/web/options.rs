//! Owns the command line of `web`. Never opens a socket.

/// What `--help` prints.
pub const USAGE: &str = "\
A web service with a worker for each session, on any number of instances. Start two, and use them in turn:

  curl -c jar -b jar localhost:8080/
  curl -c jar -b jar localhost:8081/ ; curl -b jar -d 'buy milk' localhost:8080/notes ; curl -b jar localhost:8081/

usage: web [--port PORT] [--cluster NAME] [--seed ADDRESS:PORT]..

  --port PORT          where browsers connect, on 127.0.0.1 (default 8080; 0 is any free port)
  --cluster NAME       whose instances share sessions (default web)
  --seed ADDRESS:PORT  an instance's node to begin with, instead of multicast; several times";

/// What to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where browsers connect.
    pub port: u16,
    /// Whose instances share sessions.
    pub cluster: String,
    /// Nodes to begin with, instead of multicast.
    pub seeds: Vec<String>,
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Print the usage.
    Help,
    /// Be an instance.
    Run(Options),
}

impl Command {
    /// Reads the words after the program's name.
    ///
    /// # Errors
    /// What is wrong with them, in words.
    pub fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut words = words.into_iter();
        let mut options = Options { port: 8080, cluster: "web".to_owned(), seeds: Vec::new() };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "-h" | "--help" => return Ok(Self::Help),
                "--port" => {
                    let text = value()?;
                    options.port = text.parse().map_err(|_| format!("{text} is not a port"))?;
                }
                "--cluster" => options.cluster = value()?,
                "--seed" => options.seeds.push(value()?),
                _ => return Err(format!("{word} is not an option of web")),
            }
        }
        Ok(Self::Run(options))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, String> {
        Command::parse(line.split_whitespace().map(Into::into))
    }

    #[test]
    fn every_option_and_every_mistake() {
        let options = Options { port: 0, cluster: "shop".into(), seeds: vec!["a:1".into(), "b:2".into()] };
        assert_eq!(parse("--port 0 --cluster shop --seed a:1 --seed b:2"), Ok(Command::Run(options)));
        assert_eq!(parse("--help"), Ok(Command::Help));
        for (line, words) in
            [("--port x", "x is not a port"), ("--port", "needs a value"), ("--fast", "--fast is not an option")]
        {
            let error = parse(line).expect_err(line);
            assert!(error.contains(words), "{line}: {error}");
        }
    }
}
