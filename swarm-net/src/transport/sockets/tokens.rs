//! Owns a set of sockets that are to be looked after: a few, which come and go at every turn. Never says what for.

use super::Token;

/// A set in the order of its tokens. Emptied, it keeps its memory.
#[derive(Debug, Default)]
pub(crate) struct Tokens(Vec<Token>);

impl Tokens {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn contains(&self, token: Token) -> bool {
        self.0.binary_search(&token).is_ok()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Token> {
        self.0.iter().copied()
    }

    /// Says whether it was not there.
    pub(crate) fn insert(&mut self, token: Token) -> bool {
        let place = self.0.binary_search(&token);
        if let Err(place) = place {
            self.0.insert(place, token);
        }
        place.is_err()
    }

    /// Says whether it was there.
    pub(crate) fn remove(&mut self, token: Token) -> bool {
        let place = self.0.binary_search(&token);
        if let Ok(place) = place {
            self.0.remove(place);
        }
        place.is_ok()
    }

    /// Takes those out for which `chosen` is true.
    pub(crate) fn extract_if(&mut self, mut chosen: impl FnMut(Token) -> bool) -> impl Iterator<Item = Token> {
        self.0.extract_if(.., move |token| chosen(*token))
    }

    /// Takes all out, in order.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Token> {
        self.0.drain(..)
    }
}

impl<const N: usize> From<[Token; N]> for Tokens {
    fn from(tokens: [Token; N]) -> Self {
        let mut all = Self::default();
        all.extend(tokens);
        all
    }
}

impl Extend<Token> for Tokens {
    fn extend<I: IntoIterator<Item = Token>>(&mut self, tokens: I) {
        for token in tokens {
            self.insert(token);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_a_sorted_set() {
        let mut tokens = Tokens::from([Token(3), Token(1), Token(3)]);
        assert_eq!((tokens.insert(Token(2)), tokens.insert(Token(2))), (true, false));
        assert!(tokens.contains(Token(3)) && !tokens.contains(Token(4)));
        assert_eq!(tokens.extract_if(|token| token == Token(1)).collect::<Vec<_>>(), [Token(1)]);
        assert_eq!((tokens.remove(Token(1)), tokens.remove(Token(3))), (false, true));
        assert_eq!(tokens.drain().collect::<Vec<_>>(), [Token(2)]);
        assert!(tokens.is_empty());
    }
}
