//! Owns which nodes may take part, by the text of their advertised address. Never looks at anything else of a node.

use std::net::SocketAddr;

use regex::Regex;

use crate::error::NetError;

/// One line of a list.
#[derive(Clone, Debug)]
enum Pattern {
    /// The whole text, as `10.0.0.7:45892`.
    Exact(String),
    /// A regular expression, found anywhere in the text unless anchored.
    Regex(Regex),
}

/// Which nodes may take part: Swarm's `node_whitelist` and `node_blacklist`.
///
/// A node is named by its advertised address as `ip:port` (IPv6 as `[ip]:port`). If both lists have entries, the allow list
/// alone decides. Without entries everyone may take part.
///
/// ```
/// use swarm_net::filter::NodeFilter;
/// let filter = NodeFilter::any().deny("10.0.0.9:45892").deny_regex(r"^192\.168\.")?;
/// assert!(filter.admits("10.0.0.1:45892".parse()?));
/// assert!(!filter.admits("192.168.0.1:45892".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct NodeFilter {
    allow: Vec<Pattern>,
    deny: Vec<Pattern>,
}

impl NodeFilter {
    /// Everyone may take part.
    pub fn any() -> Self {
        Self::default()
    }

    /// Nodes with this very address may take part.
    #[must_use]
    pub fn allow(mut self, addr: impl Into<String>) -> Self {
        self.allow.push(Pattern::Exact(addr.into()));
        self
    }

    /// Nodes with this very address are refused.
    #[must_use]
    pub fn deny(mut self, addr: impl Into<String>) -> Self {
        self.deny.push(Pattern::Exact(addr.into()));
        self
    }

    /// Nodes whose address matches may take part.
    ///
    /// # Errors
    ///
    /// [`NetError::Pattern`] if `pattern` is not a regular expression.
    pub fn allow_regex(mut self, pattern: &str) -> Result<Self, NetError> {
        self.allow.push(compile(pattern)?);
        Ok(self)
    }

    /// Nodes whose address matches are refused.
    ///
    /// # Errors
    ///
    /// [`NetError::Pattern`] if `pattern` is not a regular expression.
    pub fn deny_regex(mut self, pattern: &str) -> Result<Self, NetError> {
        self.deny.push(compile(pattern)?);
        Ok(self)
    }

    /// Whether the node that advertises `addr` may take part.
    pub fn admits(&self, addr: SocketAddr) -> bool {
        if self.allow.is_empty() && self.deny.is_empty() {
            return true;
        }
        let text = addr.to_string();
        let hit = |list: &[Pattern]| list.iter().any(|pattern| pattern.matches(&text));
        if self.allow.is_empty() { !hit(&self.deny) } else { hit(&self.allow) }
    }
}

impl Pattern {
    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == text,
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

fn compile(pattern: &str) -> Result<Pattern, NetError> {
    match Regex::new(pattern) {
        Ok(regex) => Ok(Pattern::Regex(regex)),
        Err(error) => Err(NetError::Pattern { pattern: pattern.into(), problem: error.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(filter: &NodeFilter, addr: &str, admitted: bool) {
        let addr = addr.parse().expect("a literal address");
        assert_eq!(filter.admits(addr), admitted, "{addr} by {filter:?}");
    }

    #[test]
    fn lists_decide_by_the_address_text() {
        check(&NodeFilter::any(), "10.0.0.1:1", true);
        check(&NodeFilter::any().deny("10.0.0.1:1"), "10.0.0.1:1", false);
        check(&NodeFilter::any().deny("10.0.0.1:1"), "10.0.0.1:11", true);
        check(&NodeFilter::any().allow("10.0.0.1:1"), "10.0.0.1:2", false);
        check(&NodeFilter::any().allow("[::1]:9"), "[::1]:9", true);
    }

    #[test]
    fn the_allow_list_wins_over_the_deny_list() {
        let filter = NodeFilter::any().allow("10.0.0.1:1").deny("10.0.0.1:1").deny("10.0.0.2:1");
        check(&filter, "10.0.0.1:1", true);
        check(&filter, "10.0.0.2:1", false);
        check(&filter, "10.0.0.3:1", false);
    }

    #[test]
    fn patterns_match_anywhere_unless_anchored() {
        let filter = NodeFilter::any().deny_regex(r":4\d\d$").expect("a literal pattern");
        check(&filter, "10.0.0.1:412", false);
        check(&filter, "10.0.0.1:4123", true);
        assert!(matches!(NodeFilter::any().allow_regex("("), Err(NetError::Pattern { .. })));
    }
}
