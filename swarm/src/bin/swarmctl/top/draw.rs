//! Owns how the screen looks: 80 columns and 24 lines are enough, more are used. Never changes what is shown.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Block, Borders, Paragraph, Row, Sparkline, Table, TableState};

use super::nodes::{self, Order};
use super::view::{Into, Table as Which, View};
use super::workers;
use crate::page;
use crate::words::{clock, percent, plain, run, span};

/// The least part of a screen that the nodes get; the workers get what they leave.
const WORKERS_LINES: u16 = 9;

const HELP: &str = "\
  up down j k     choose a row            tab     the other table
  enter           look into it            esc     back, or no filter
  s               order by the next column
  r               the other way round     /       only what contains this
  q               quit                    ?       this

  LOAD    processors that the node's process has kept busy
  MEM     memory that it occupies
  CALLS/S calls that were made from it; the line shows the last minutes
  P99     of a hundred timed runs of its handlers, 99 took no longer
  MOVES   workers that it is moving as the owner of their names
  WORK    in which part of the last looks a message was in hand";

/// The eight heights of a column.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Draws all of it.
pub(super) fn draw(frame: &mut Frame<'_>, view: &mut View, now: Instant) {
    let lines = [Constraint::Length(1), Constraint::Min(1), Constraint::Length(1)];
    let [head, body, foot] = Layout::vertical(lines).areas(frame.area());
    frame.render_widget(self::head(view), head);
    if view.help {
        frame.render_widget(Paragraph::new(HELP).block(block(" help ", true)), body);
    } else {
        match &view.into {
            Into::All => tables(frame, view, body),
            Into::Node(node) => self::node(frame, view, node, body),
            Into::Worker(name, known) => {
                let text = match known {
                    None => "looking ..".to_owned(),
                    Some(Ok(worker)) => page::worker(worker),
                    Some(Err(problem)) => plain(problem),
                };
                let title = format!(" {} ", plain(name));
                let text = Paragraph::new(text).block(block(&title, true)).scroll((view.scroll, 0));
                frame.render_widget(text, body);
            }
        }
    }
    frame.render_widget(self::foot(view, now), foot);
}

fn head(view: &View) -> Line<'static> {
    let (nodes, workers, calls) = view.nodes.sums();
    let unix_ms = SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_millis()).unwrap_or_default();
    let time = clock(u64::try_from(unix_ms).unwrap_or_default());
    let text = format!(
        "{}  {nodes} nodes  {workers} workers  {} calls/s  {}",
        plain(&view.cluster),
        short(calls),
        time.get(11..19).unwrap_or_default()
    );
    Line::styled(text, Style::new().add_modifier(Modifier::BOLD))
}

fn foot(view: &View, now: Instant) -> Line<'static> {
    let alarm = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
    if let Some(blind) = &view.blind {
        return Line::styled(format!("nothing is seen: {}", blind.lines().next().unwrap_or_default()), alarm);
    }
    if view.typing {
        return Line::raw(format!("/{}_", plain(&view.filter)));
    }
    if let Some(news) = view.news(now) {
        return Line::styled(plain(news), alarm);
    }
    // First, since the keys alone nearly fill a line.
    let filter = if view.filter.is_empty() { String::new() } else { format!("only /{}  ", plain(&view.filter)) };
    let keys = "q quit  s sort  r reverse  / filter  tab table  enter look into  ? help";
    Line::styled(format!("{filter}{keys}"), Style::new().add_modifier(Modifier::DIM))
}

fn block(title: &str, active: bool) -> Block<'static> {
    let style = if active { Style::new().add_modifier(Modifier::BOLD) } else { Style::new() };
    Block::new().borders(Borders::TOP).title(title.to_owned()).border_style(style)
}

fn tables(frame: &mut Frame<'_>, view: &View, body: Rect) {
    let parts = [Constraint::Min(3), Constraint::Length(WORKERS_LINES.min(body.height / 2))];
    let [above, below] = Layout::vertical(parts).areas(body);
    if view.fresh {
        frame.render_widget(Paragraph::new("looking .."), above);
        return;
    }
    let place = |which| if view.table == which { view.place() } else { None };
    nodes_table(frame, view, above, place(Which::Nodes));
    workers_table(frame, view, below, place(Which::Workers));
}

fn nodes_table(frame: &mut Frame<'_>, view: &View, area: Rect, place: Option<usize>) {
    let heads = [
        ("NODE", Some(Order::Node)),
        ("STATE", None),
        ("LOAD", Some(Order::Load)),
        ("MEM", Some(Order::Memory)),
        ("WORKERS", Some(Order::Workers)),
        ("CALLS/S", Some(Order::Calls)),
        ("P99", Some(Order::P99)),
        ("MOVES", Some(Order::Moves)),
        ("", None),
    ];
    let arrow = if view.nodes.reversed { '^' } else { 'v' };
    let head = heads.map(|(name, order)| match order == Some(view.nodes.order) {
        true => format!("{name}{arrow}"),
        false => name.to_owned(),
    });
    let widths = [22, 7, 5, 6, 8, 8, 7, 6].map(Constraint::Length);
    let widths: Vec<_> = widths.into_iter().chain([Constraint::Min(2)]).collect();
    let rest = usize::from(area.width.saturating_sub(22 + 7 + 5 + 6 + 8 + 8 + 7 + 6 + 8));
    let rows = view.nodes.shown(&view.filter).into_iter().map(|line| node_row(line, rest));
    let title = format!(
        " nodes by {} ",
        heads.iter().find(|(_, order)| *order == Some(view.nodes.order)).map_or("", |head| head.0)
    );
    let table = Table::new(rows, widths)
        .header(Row::new(head).style(Style::new().add_modifier(Modifier::UNDERLINED)))
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED))
        .block(block(&title, view.table == Which::Nodes));
    frame.render_stateful_widget(table, area, &mut TableState::new().with_selected(place));
}

fn node_row(line: &nodes::Line, rest: usize) -> Row<'static> {
    let row = &line.row;
    let known = row.answered && line.gone.is_none();
    let figure = |text: Option<String>| if known { text.unwrap_or_else(|| "-".to_owned()) } else { String::new() };
    let style = match line.state() {
        "gone" | "silent" => Style::new().fg(Color::Red),
        "up" => Style::new(),
        _ => Style::new().fg(Color::Yellow),
    };
    Row::new([
        format!("{}{}", address(&row.node), if row.here { " *" } else { "" }),
        line.state().to_owned(),
        figure(line.load.map(|load| format!("{load:.2}"))),
        figure((row.memory_bytes > 0).then(|| bytes(row.memory_bytes))),
        figure(Some(row.workers.to_string())),
        figure(line.calls.map(short)),
        figure(line.p99_ns().map(run)),
        figure(Some(row.stats.handoffs_open.to_string())),
        spark(&line.history, rest),
    ])
    .style(style)
}

fn workers_table(frame: &mut Frame<'_>, view: &View, area: Rect, place: Option<usize>) {
    let head = Row::new(["WORKER", "TYPE", "NODE", "QUEUE", "OF", "WORK", "PANICS"]);
    let widths = [
        Constraint::Min(18),
        Constraint::Length(14),
        Constraint::Length(20),
        Constraint::Length(6),
        Constraint::Length(6),
        Constraint::Length(5),
        Constraint::Length(6),
    ];
    let row = |line: &workers::Line| {
        let row = &line.row;
        Row::new([
            plain(&row.name),
            plain(&row.kind),
            address(&row.node),
            row.queue.to_string(),
            row.mailbox.to_string(),
            percent(line.share()).replace(".0%", "%"),
            row.panics.to_string(),
        ])
    };
    let rows: Vec<_> = view.workers.shown(&view.filter).into_iter().map(row).collect();
    let title = if rows.is_empty() { " no worker has anything to do " } else { " workers with most to do " };
    let table = Table::new(rows, widths)
        .header(head.style(Style::new().add_modifier(Modifier::UNDERLINED)))
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED))
        .block(block(title, view.table == Which::Workers));
    frame.render_stateful_widget(table, area, &mut TableState::new().with_selected(place));
}

/// One node, looked into.
fn node(frame: &mut Frame<'_>, view: &View, node: &str, body: Rect) {
    let title = format!(" {} ", plain(node));
    let Some(line) = view.nodes.get(node) else {
        frame.render_widget(Paragraph::new("it is gone").block(block(&title, true)), body);
        return;
    };
    let [above, below] = Layout::vertical([Constraint::Min(3), Constraint::Length(5)]).areas(body);
    let text = Paragraph::new(Text::raw(node_text(line))).block(block(&title, true)).scroll((view.scroll, 0));
    frame.render_widget(text, above);
    let width = usize::from(below.width);
    let skip = line.history.len().saturating_sub(width);
    let bars: Vec<u64> = line.history.iter().skip(skip).map(|calls| calls.round() as u64).collect();
    let most = bars.iter().max().copied().unwrap_or_default();
    let title = format!(" calls/s, {} at most ", short(most as f64));
    frame.render_widget(Sparkline::default().data(bars).block(block(&title, false)), below);
}

fn node_text(line: &nodes::Line) -> String {
    let (row, stats) = (&line.row, &line.row.stats);
    let rate = |rate: Option<f64>| rate.map_or_else(|| "-".to_owned(), short);
    let mut text = format!(
        "state      {}, weight {}, owns {} partitions, up {}, pid {}, swarm {}\n",
        line.state(),
        row.weight,
        row.owns,
        span(row.up_ms),
        row.pid,
        plain(&row.swarm)
    );
    text.push_str(&format!(
        "calls      {}/s from here, {}/s come from others, {} failed, {} wait\n",
        rate(line.calls),
        rate(line.received),
        stats.calls_failed,
        stats.calls_open
    ));
    if let Some(lately) = &row.lately {
        let (p50, p99, max) = (run(lately.p50_ns), run(lately.p99_ns), run(lately.max_ns));
        text.push_str(&format!("handlers   {} timed lately: p50 {p50}, p99 {p99}, longest {max}\n", lately.count));
    }
    text.push_str(&format!(
        "moves      {} in flight, {} came, {} went, {} failed\n",
        stats.handoffs_open, stats.handoffs_in, stats.handoffs_out, stats.handoffs_failed
    ));
    text.push_str(&format!(
        "trouble    {} restarts, {} given up, {} times a mailbox was full, {} partitions short of copies\n",
        stats.restarts, stats.given_up, stats.mailboxes_full, stats.under_replicated
    ));
    text.push_str(&format!("workers    {}, {} of which stay\n", row.workers, row.bound));
    for kind in row.kinds.iter().filter(|kind| kind.workers > 0) {
        text.push_str(&format!("  {:>8} {}\n", kind.workers, plain(&kind.kind)));
    }
    text
}

/// A node's address: its boot id says little to people.
fn address(node: &str) -> String {
    plain(node.split_once('#').map_or(node, |(address, _)| address))
}

/// A rate in four letters or so.
fn short(rate: f64) -> String {
    const UNITS: [(f64, &str); 3] = [(1e9, "G"), (1e6, "M"), (1e3, "k")];
    match UNITS.iter().find(|(unit, _)| rate >= *unit) {
        Some((unit, name)) => format!("{:.1}{name}", rate / unit),
        None if rate >= 10.0 || rate == 0.0 => format!("{rate:.0}"),
        None => format!("{rate:.1}"),
    }
}

fn bytes(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) if bytes < unit * 10 => format!("{:.1}{name}", bytes as f64 / *unit as f64),
        Some((unit, name)) => format!("{}{name}", bytes / unit),
        None => format!("{bytes}B"),
    }
}

/// The last of these as columns, the highest of them full.
fn spark(history: &std::collections::VecDeque<f64>, width: usize) -> String {
    let skip = history.len().saturating_sub(width);
    let most = history.iter().skip(skip).copied().fold(0.0, f64::max);
    let bar = |calls: &f64| {
        let height = if most > 0.0 { (calls / most * 7.0).round() } else { 0.0 };
        BARS.get(height as usize).copied().unwrap_or(' ')
    };
    history.iter().skip(skip).map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        assert_eq!([0.0, 0.25, 9.94, 42.4, 1_234.0, 5.6e6].map(short), ["0", "0.2", "9.9", "42", "1.2k", "5.6M"]);
        assert_eq!([100, 5 << 10, 300 << 20, 3 << 29].map(bytes), ["100B", "5.0K", "300M", "1.5G"]);
    }

    #[test]
    fn columns_are_as_high_as_the_highest_allows() {
        let history = [9.0, 0.0, 3.5, 7.0].into_iter().collect();
        assert_eq!(spark(&history, 3), "▁▅█");
        assert_eq!(spark(&[0.0, 0.0].into_iter().collect(), 5), "▁▁");
    }

    #[test]
    fn an_address_is_a_node_without_its_boot_id() {
        assert_eq!(address("10.0.0.7:45892#1f2e3d4c"), "10.0.0.7:45892");
    }
}
