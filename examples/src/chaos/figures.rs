//! Owns the figures that a callers' process tells its parent, as one line of text. Never knows what they mean.

use std::collections::BTreeMap;

/// The first word of such a line.
const HEAD: &str = "figures";

/// Numbers by their names; a name has no space.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures(BTreeMap<String, u64>);

impl Figures {
    /// Sets one.
    pub fn set(&mut self, name: impl Into<String>, value: u64) {
        self.0.insert(name.into(), value);
    }

    /// One of them; what was never set is nothing.
    pub fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// Those whose names begin so, without that beginning.
    pub fn under<'a>(&'a self, head: &'a str) -> impl Iterator<Item = (&'a str, u64)> {
        self.0.iter().filter_map(move |(name, value)| Some((name.strip_prefix(head)?, *value)))
    }

    /// Takes in those of another: the larger where `widest` says so of the name, else the sum.
    pub fn absorb(&mut self, other: &Self, widest: impl Fn(&str) -> bool) {
        for (name, value) in &other.0 {
            let ours = self.0.entry(name.clone()).or_default();
            *ours = if widest(name) { (*ours).max(*value) } else { *ours + value };
        }
    }

    /// As a line.
    pub fn line(&self) -> String {
        let words = self.0.iter().map(|(name, value)| format!(" {name}={value}"));
        std::iter::once(HEAD.to_owned()).chain(words).collect()
    }

    /// From a line, if it is one of figures.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        (words.next() == Some(HEAD)).then_some(())?;
        let pair = |word: &str| {
            let (name, value) = word.rsplit_once('=')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        words.map(pair).collect::<Option<_>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_survive_their_line() {
        let mut figures = Figures::default();
        figures.set("calls", 17);
        figures.set("failed.NodeDown.Maybe@127.0.0.1:1#a", 2);
        assert_eq!(Figures::parse(&figures.line()), Some(figures.clone()));
        assert_eq!(figures.under("failed.").collect::<Vec<_>>(), [("NodeDown.Maybe@127.0.0.1:1#a", 2)]);
        assert_eq!(Figures::parse("at 1 2 3"), None);
        assert_eq!(Figures::parse("figures calls=x"), None);
    }

    #[test]
    fn figures_add_up_or_the_larger_counts() {
        let parse = |line| Figures::parse(line).expect("a line of figures");
        let mut sum = parse("figures calls=1 max=9");
        sum.absorb(&parse("figures calls=2 max=5 doubled=1"), |name| name == "max");
        assert_eq!(sum, parse("figures calls=3 doubled=1 max=9"));
    }
}
