//! Owns how medians are printed: as a table, or one JSON object a line. Never computes a figure but the ratios between rows.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::figure::Figure;
use crate::plan::base;
use crate::row::{Bench, Case, Row, System};

/// A row's medians, beside those of its base.
pub(crate) struct Line {
    row: Row,
    figure: Figure,
    rounds: usize,
    /// Its rate over that of bare sockets or channels.
    ratio_raw: Option<f64>,
    /// Its median time over theirs, for one caller of another process.
    p50_raw: Option<f64>,
    /// What it tells over what it told with the fewest workers.
    flat: Option<f64>,
}

/// The medians of all rows that have any figure.
pub(crate) fn lines(figures: &[(Row, Vec<Figure>)]) -> Vec<Line> {
    let taken = figures.iter().filter(|(_, rounds)| !rounds.is_empty());
    let medians: HashMap<Row, Figure> = taken.clone().map(|(row, rounds)| (*row, Figure::median(rounds))).collect();
    let line = |(row, rounds): &(Row, Vec<Figure>)| {
        let figure = medians[row];
        let base = base(row).and_then(|(first, second)| medians.get(&first).or_else(|| medians.get(&second)));
        let over = |of: fn(&Figure) -> Option<f64>| Some(of(&figure)? / of(base?)?).filter(|ratio| ratio.is_finite());
        let serial = row.bench == Bench::RemoteCall && row.callers == 1;
        Line {
            row: *row,
            figure,
            rounds: rounds.len(),
            ratio_raw: over(|figure| figure.per_s),
            p50_raw: over(|figure| figure.p50_us).filter(|_| serial),
            flat: flat(row, &medians),
        }
    };
    taken.map(line).collect()
}

/// How a figure has changed while workers became more: 1 if it has not.
fn flat(row: &Row, medians: &HashMap<Row, Figure>) -> Option<f64> {
    let same = |other: &&Row| row.case == Case::Growth && **other == Row { count: other.count, ..*row };
    let least = medians.keys().filter(same).min_by_key(|other| other.count)?;
    let told = |row: &Row| medians[row].per_s.or(medians[row].bytes);
    Some(told(row)? / told(least)?).filter(|ratio| ratio.is_finite())
}

impl Line {
    /// One object: what the issue tracker and later versions read. Figures that do not apply are null.
    pub(crate) fn json(&self) -> Value {
        let Row { bench, system, runtime, case, nodes, callers, payload, count } = self.row;
        let Figure { per_s, p50_us, p99_us, cpu_us, ms, bytes, mb, p99_ratio, failed } = self.figure;
        let mut object = Map::new();
        for (key, word) in
            [("bench", bench.word()), ("system", system.word()), ("runtime", runtime.word()), ("case", case.word())]
        {
            object.insert(key.to_owned(), json!(word));
        }
        for (key, number) in [("nodes", nodes), ("callers", callers), ("payload", payload), ("count", count)] {
            object.insert(key.to_owned(), json!(number));
        }
        let figures = [
            ("per_s", per_s),
            ("p50_us", p50_us),
            ("p99_us", p99_us),
            ("cpu_us", cpu_us),
            ("ratio_raw", self.ratio_raw),
        ];
        let others = [
            ("p50_raw", self.p50_raw),
            ("flat", self.flat),
            ("ms", ms),
            ("bytes", bytes),
            ("mb", mb),
            ("p99_ratio", p99_ratio),
        ];
        for (key, figure) in figures.into_iter().chain(others) {
            object.insert(key.to_owned(), figure.map_or(Value::Null, |figure| json!(rounded(figure))));
        }
        object.insert("failed".to_owned(), json!(failed));
        object.insert("rounds".to_owned(), json!(self.rounds));
        Value::Object(object)
    }

    fn text(&self) -> String {
        let Row { system, runtime, case, nodes, callers, payload, count, .. } = self.row;
        let Figure { per_s, p50_us, p99_us, cpu_us, ms, bytes, mb, p99_ratio, failed } = self.figure;
        let mut text = format!("{system:<13}{runtime:<9}{case:<9}{nodes:>3}{callers:>5}{payload:>9}{count:>9}");
        let cells = [per_s, p50_us, p99_us, cpu_us, self.ratio_raw, self.p50_raw, self.flat, ms, bytes, mb, p99_ratio];
        for (cell, width) in cells.into_iter().zip(WIDTHS) {
            text += &format!("{:>width$}", cell.map_or_else(|| "-".to_owned(), short));
        }
        if failed > 0 {
            text += &format!("  {failed} FAILED");
        }
        text
    }
}

const WIDTHS: [usize; 11] = [12, 10, 10, 9, 8, 9, 8, 9, 8, 9, 10];

/// Prints the table, a part for each bench.
pub(crate) fn print(lines: &[Line]) {
    for bench in Bench::ALL {
        let mut of: Vec<&Line> = lines.iter().filter(|line| line.row.bench == *bench).collect();
        if of.is_empty() {
            continue;
        }
        of.sort_by_key(|line| {
            (line.row.case, line.row.count, line.row.nodes, line.row.payload, line.row.callers, place(line.row.system))
        });
        println!("\n{bench}");
        let mut head =
            format!("{:<13}{:<9}{:<9}{:>3}{:>5}{:>9}{:>9}", "system", "runtime", "case", "n", "call", "bytes", "count");
        let names =
            ["per s", "p50 us", "p99 us", "cpu us", "/raw", "p50/raw", "flat", "ms", "B each", "MB", "p99/calm"];
        for (name, width) in names.into_iter().zip(WIDTHS) {
            head += &format!("{name:>width$}");
        }
        println!("{head}");
        of.iter().for_each(|line| println!("{}", line.text()));
    }
}

/// The order within a part: bare ones first, ours last.
fn place(system: System) -> usize {
    System::ALL.iter().position(|one| *one == system).unwrap_or_default()
}

/// Four significant digits, which is more than is certain.
fn rounded(figure: f64) -> f64 {
    if figure == 0.0 || !figure.is_finite() {
        return 0.0;
    }
    let unit = 10_f64.powf(figure.abs().log10().floor() - 3.0);
    let rounded = (figure / unit).round() * unit;
    format!("{rounded:.6}").parse().unwrap_or(rounded)
}

fn short(figure: f64) -> String {
    match figure.abs() {
        1000.0.. => format!("{figure:.0}"),
        100.0.. => format!("{figure:.1}"),
        1.0.. => format!("{figure:.2}"),
        _ => format!("{figure:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::{Case, Runtime};

    #[test]
    fn a_row_is_compared_with_bare_sockets_under_the_same_load() {
        let row = |system, runtime, callers| Row {
            bench: Bench::RemoteCall,
            system,
            runtime,
            case: Case::Handle,
            nodes: 1,
            callers,
            payload: 32,
            count: 0,
        };
        let figure = |per_s, p50_us| vec![Figure { per_s: Some(per_s), p50_us: Some(p50_us), ..Figure::default() }];
        let figures = [
            (row(System::Raw, Runtime::Threads, 1), figure(1000.0, 10.0)),
            (row(System::Raw, Runtime::Threads, 64), figure(8000.0, 10.0)),
            (row(System::Swarm, Runtime::One, 1), figure(500.0, 20.0)),
            (row(System::Swarm, Runtime::One, 64), figure(4000.0, 90.0)),
            (row(System::Swarm, Runtime::Two, 64), Vec::new()),
        ];
        let lines = lines(&figures);
        let seen: Vec<_> = lines.iter().map(|line| (line.ratio_raw, line.p50_raw)).collect();
        assert_eq!(seen, [(Some(1.0), Some(1.0)), (Some(1.0), None), (Some(0.5), Some(2.0)), (Some(0.5), None)]);
        let object = lines[3].json();
        assert_eq!(
            (&object["bench"], &object["system"], &object["callers"]),
            (&json!("remote_call"), &json!("swarm"), &json!(64))
        );
        assert_eq!(
            (&object["per_s"], &object["ratio_raw"], &object["ms"]),
            (&json!(4000.0), &json!(0.5), &Value::Null)
        );
    }

    #[test]
    fn growth_is_told_over_the_fewest_workers() {
        let row = |bench, case, count| Row {
            bench,
            system: System::Swarm,
            runtime: Runtime::Two,
            case,
            nodes: 2,
            callers: 64,
            payload: 8,
            count,
        };
        let rate = |per_s| vec![Figure { per_s: Some(per_s), ..Figure::default() }];
        let weight = |bytes| vec![Figure { bytes: Some(bytes), ..Figure::default() }];
        let figures = [
            (row(Bench::Register, Case::Growth, 1_000), rate(1000.0)),
            (row(Bench::Register, Case::Growth, 10_000), rate(900.0)),
            (row(Bench::Register, Case::Plain, 100), rate(7.0)),
            (row(Bench::Memory, Case::Growth, 1_000), weight(400.0)),
            (row(Bench::Memory, Case::Growth, 10_000), weight(300.0)),
        ];
        let seen: Vec<_> = lines(&figures).iter().map(|line| line.flat).collect();
        assert_eq!(seen, [Some(1.0), Some(0.9), None, Some(1.0), Some(0.75)]);
    }

    #[test]
    fn four_digits_are_told() {
        assert_eq!(
            [rounded(123_456.7), rounded(0.123_456), rounded(9.99999), rounded(0.0)],
            [123_500.0, 0.1235, 10.0, 0.0]
        );
    }
}
