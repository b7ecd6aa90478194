//! Owns the turns of phrase that errors share.

use crate::name::Name;

/// What two instantiations of one generic worker type differ in: their names are the same.
pub(super) fn instance(found: &str, expected: &str) -> &'static str {
    if found == expected { " with these type arguments" } else { "" }
}

pub(super) fn about(name: Option<&Name>) -> String {
    name.map_or_else(|| "from all nodes".to_owned(), |name| format!("about `{name}`"))
}
