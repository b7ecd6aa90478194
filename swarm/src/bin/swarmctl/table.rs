//! Owns a table for people: columns as wide as they need to be, numbers to the right.

use std::fmt;

use crate::words::plain;

/// A table.
#[derive(Debug, Default)]
pub(crate) struct Table {
    head: Vec<(&'static str, Side)>,
    rows: Vec<Vec<String>>,
}

/// To which side of its column a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// For words.
    Left,
    /// For numbers.
    Right,
}

impl Table {
    /// One with these columns.
    pub(crate) fn new(head: &[(&'static str, Side)]) -> Self {
        Self { head: head.to_vec(), rows: Vec::new() }
    }

    /// Adds a row, which has a text for each column.
    pub(crate) fn row<const N: usize>(&mut self, row: [String; N]) {
        debug_assert_eq!(N, self.head.len(), "a row has a text for each column");
        self.rows.push(row.iter().map(|text| plain(text)).collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head: Vec<String> = self.head.iter().map(|(name, _)| (*name).to_owned()).collect();
        let all = || std::iter::once(&head).chain(&self.rows);
        let width = |column: usize| all().filter_map(|row| row.get(column)).map(|text| text.chars().count()).max();
        let widths: Vec<usize> = (0..head.len()).map(|column| width(column).unwrap_or_default()).collect();
        for row in all() {
            let mut line = String::new();
            for ((text, (_, side)), width) in row.iter().zip(&self.head).zip(&widths) {
                match side {
                    Side::Left => line.push_str(&format!("{text:<width$}  ")),
                    Side::Right => line.push_str(&format!("{text:>width$}  ")),
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_text() {
        let mut table = Table::new(&[("NAME", Side::Left), ("COUNT", Side::Right), ("ON", Side::Left)]);
        table.row(["größer".to_owned(), "7".to_owned(), "one".to_owned()]);
        table.row(["b\n".to_owned(), "1234567".to_owned(), String::new()]);
        assert_eq!(table.to_string(), "NAME      COUNT  ON\ngrößer        7  one\nb\\n     1234567\n");
    }
}
