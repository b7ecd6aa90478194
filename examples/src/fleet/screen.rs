//! Owns what a person sees: a progress bar and a live table on a terminal, plain lines elsewhere. Never
//! computes a figure.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::board::{Board, NodeRow};

/// How often the terminal is redrawn.
const REDRAW_EVERY: Duration = Duration::from_millis(100);
/// How often the table is repeated as plain lines: a log wants fewer of them than an eye.
const REPEAT_EVERY: Duration = Duration::from_secs(2);

const HEAD: &str =
    "node       pid  address                          state     workers   calls/s  arrived  departed  failed calls";

/// Where a program speaks to its person. Cheap to clone.
#[derive(Clone)]
pub struct Screen {
    board: Arc<Board>,
    what: &'static str,
    total: usize,
    began: Instant,
    terminal: Option<Terminal>,
}

#[derive(Clone)]
struct Terminal {
    lines: MultiProgress,
    bar: ProgressBar,
    table: Arc<Mutex<Vec<ProgressBar>>>,
}

impl Screen {
    /// A screen for so many of `what`.
    pub fn new(board: Arc<Board>, what: &'static str, total: usize) -> Self {
        let terminal = std::io::stdout().is_terminal().then(|| Terminal::new(what, total));
        Self { board, what, total, began: Instant::now(), terminal }
    }

    /// Tells the next part of the story.
    pub fn say(&self, line: &str) {
        let line = format!("{:6.1}s  {line}", self.began.elapsed().as_secs_f64());
        match &self.terminal {
            Some(terminal) => terminal.lines.suspend(|| println!("{line}")),
            None => println!("{line}"),
        }
    }

    /// Shows the figures until it is dropped.
    pub async fn show(&self) {
        let mut every = tokio::time::interval(if self.terminal.is_some() { REDRAW_EVERY } else { REPEAT_EVERY });
        loop {
            every.tick().await;
            self.draw();
        }
    }

    /// Shows the last figures, and leaves them standing.
    pub fn finish(&self) {
        self.draw();
        if let Some(terminal) = &self.terminal {
            terminal.bar.abandon();
            terminal.table().iter().for_each(ProgressBar::abandon);
        }
    }

    fn draw(&self) {
        let rows = self.board.rows().into_iter().map(|(number, row)| line(number, &row));
        match &self.terminal {
            Some(terminal) => terminal.draw(self.board.done(), rows),
            None => {
                println!(
                    "{:6.1}s  {} of {} {}",
                    self.began.elapsed().as_secs_f64(),
                    self.board.done(),
                    self.total,
                    self.what,
                );
                println!("         {HEAD}");
                rows.for_each(|row| println!("         {row}"));
            }
        }
    }
}

impl Terminal {
    fn new(what: &'static str, total: usize) -> Self {
        let lines = MultiProgress::with_draw_target(ProgressDrawTarget::stdout());
        let bar = lines.add(
            ProgressBar::new(total as u64).with_style(
                ProgressStyle::with_template("{prefix} {wide_bar} {human_pos}/{human_len} {elapsed}")
                    .expect("the template is a constant that is well formed"),
            ),
        );
        bar.set_prefix(what);
        let terminal = Self { lines, bar, table: Arc::default() };
        terminal.draw(0, [HEAD.to_owned()].into_iter().skip(1));
        terminal
    }

    fn draw(&self, done: usize, rows: impl Iterator<Item = String>) {
        self.bar.set_position(done as u64);
        let mut table = self.table();
        let mut drawn = 0;
        for (at, line) in std::iter::once(HEAD.to_owned()).chain(rows).enumerate() {
            if at == table.len() {
                let style =
                    ProgressStyle::with_template("{msg}").expect("the template is a constant that is well formed");
                table.push(self.lines.add(ProgressBar::new(1).with_style(style)));
            }
            table[at].set_message(line);
            drawn = at + 1;
        }
        table.iter().skip(drawn).for_each(|row| row.set_message(""));
    }

    fn table(&self) -> std::sync::MutexGuard<'_, Vec<ProgressBar>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn line(number: usize, row: &NodeRow) -> String {
    format!(
        "{number:>4}  {:>8}  {:<31}  {:<8}  {:>7}  {:>8.0}  {:>7}  {:>8}  {:>12}",
        row.pid,
        row.host.as_deref().unwrap_or("-"),
        row.phase.word(),
        row.reading.workers,
        row.rate,
        row.reading.arrived,
        row.reading.departed,
        row.failed,
    )
}

/// A whole number with commas between its thousands.
pub fn thousands(number: impl TryInto<u128>) -> String {
    let digits = number.try_into().map_or_else(|_| "-".to_owned(), |number| number.to_string());
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped_from_the_right() {
        for (number, text) in
            [(0_u64, "0"), (999, "999"), (1_000, "1,000"), (79_948, "79,948"), (1_234_567, "1,234,567")]
        {
            assert_eq!(thousands(number), text);
        }
    }

    #[test]
    fn a_line_is_as_wide_as_the_head() {
        let board = Board::default();
        board.add(1, 12_345);
        board.name(1, "127.0.0.1:45892#0123abcd".into());
        assert_eq!(line(1, &board.rows()[&1]).len(), HEAD.len());
    }
}
