//! Owns the reading of flights and carriers from CSV files, plain or gzipped. Never knows of workers.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use csv::{ReaderBuilder, StringRecord};
use flate2::bufread::MultiGzDecoder;

/// One scheduled flight, as a row of the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flight {
    /// The aircraft.
    pub tail: String,
    /// The carrier's two-letter code.
    pub carrier: String,
    /// Where it starts.
    pub origin: String,
    /// Where it is meant to land.
    pub dest: String,
    /// Minutes late at arrival; negative is early, unknown for a flight that did not arrive as planned.
    pub arrival_delay: Option<i32>,
    /// Minutes in the air; unknown for a flight that was cancelled or diverted.
    pub air_minutes: Option<u32>,
    /// Distance in miles.
    pub miles: u32,
}

/// The flights of a file, in its order.
#[derive(Debug)]
pub struct Flights {
    /// Those whose aircraft is known.
    pub flights: Vec<Flight>,
    /// How many rows were left out, since they name no aircraft.
    pub without_tail: usize,
}

/// Why a file could not be read: which one, where, and what to do.
#[derive(Debug)]
pub struct Unreadable {
    path: PathBuf,
    why: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.why)
    }
}

impl std::error::Error for Unreadable {}

/// The flights that this repository ships.
pub fn shipped_flights() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/flights-2013-q1.csv.gz")
}

/// The names of the carriers that this repository ships.
pub fn shipped_carriers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/airlines.csv")
}

/// Reads at most `limit` flights from the file at `path`.
pub fn read_flights(path: &Path, limit: usize) -> Result<Flights, Unreadable> {
    parse_flights(open(path)?, limit).map_err(|why| Unreadable { path: path.into(), why })
}

/// Reads the names of carriers by their codes.
pub fn read_carriers(path: &Path) -> Result<BTreeMap<String, String>, Unreadable> {
    parse_carriers(open(path)?).map_err(|why| Unreadable { path: path.into(), why })
}

/// The two bytes that begin every gzip file (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

fn open(path: &Path) -> Result<Box<dyn Read>, Unreadable> {
    let unreadable = |error: io::Error| Unreadable {
        path: path.into(),
        why: format!("cannot be read ({error}): name another file with --flights, or restore examples/data"),
    };
    let mut file = BufReader::new(File::open(path).map_err(unreadable)?);
    let zipped = file.fill_buf().map_err(unreadable)?.starts_with(&GZIP);
    Ok(if zipped { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}

fn parse_flights(input: impl Read, limit: usize) -> Result<Flights, String> {
    let mut reader = ReaderBuilder::new().from_reader(input);
    let columns = Columns::find(reader.headers().map_err(|error| error.to_string())?)?;
    let mut found = Flights { flights: Vec::new(), without_tail: 0 };
    for record in reader.records() {
        if found.flights.len() == limit {
            break;
        }
        match columns.flight(&record.map_err(|error| error.to_string())?)? {
            Some(flight) => found.flights.push(flight),
            None => found.without_tail += 1,
        }
    }
    Ok(found)
}

fn parse_carriers(input: impl Read) -> Result<BTreeMap<String, String>, String> {
    let mut reader = ReaderBuilder::new().from_reader(input);
    let headers = reader.headers().map_err(|error| error.to_string())?;
    let (code, name) = (column(headers, "carrier")?, column(headers, "name")?);
    reader
        .records()
        .map(|record| {
            let record = record.map_err(|error| error.to_string())?;
            Ok((text(&record, code)?, text(&record, name)?))
        })
        .collect()
}

/// Where the columns that we need stand.
struct Columns {
    tail: usize,
    carrier: usize,
    origin: usize,
    dest: usize,
    arrival_delay: usize,
    air_minutes: usize,
    miles: usize,
}

impl Columns {
    fn find(headers: &StringRecord) -> Result<Self, String> {
        Ok(Self {
            tail: column(headers, "tailnum")?,
            carrier: column(headers, "carrier")?,
            origin: column(headers, "origin")?,
            dest: column(headers, "dest")?,
            arrival_delay: column(headers, "arr_delay")?,
            air_minutes: column(headers, "air_time")?,
            miles: column(headers, "distance")?,
        })
    }

    /// The flight of one row, or nothing if it names no aircraft.
    fn flight(&self, record: &StringRecord) -> Result<Option<Flight>, String> {
        let Some(tail) = known(record, self.tail) else {
            return Ok(None);
        };
        Ok(Some(Flight {
            tail: tail.into(),
            carrier: text(record, self.carrier)?,
            origin: text(record, self.origin)?,
            dest: text(record, self.dest)?,
            arrival_delay: number(record, self.arrival_delay)?,
            air_minutes: number(record, self.air_minutes)?,
            miles: number(record, self.miles)?.ok_or_else(|| wrong(record, "the distance is missing"))?,
        }))
    }
}

fn column(headers: &StringRecord, name: &str) -> Result<usize, String> {
    headers.iter().position(|header| header.trim() == name).ok_or_else(|| {
        format!("its first line does not name a column `{name}`: see examples/data/README.md for those that are needed")
    })
}

/// A field's text; R writes `NA` for what is unknown.
fn known(record: &StringRecord, column: usize) -> Option<&str> {
    record.get(column).map(str::trim).filter(|text| !text.is_empty() && *text != "NA")
}

fn text(record: &StringRecord, column: usize) -> Result<String, String> {
    known(record, column).map(Into::into).ok_or_else(|| wrong(record, &format!("field {} is empty", column + 1)))
}

fn number<N: FromStr>(record: &StringRecord, column: usize) -> Result<Option<N>, String> {
    known(record, column)
        .map(|text| {
            // R writes whole numbers of a column with gaps as `12.0`.
            let whole = text.strip_suffix(".0").unwrap_or(text);
            whole.parse().map_err(|_| wrong(record, &format!("field {} is `{text}`, not a whole number", column + 1)))
        })
        .transpose()
}

fn wrong(record: &StringRecord, what: &str) -> String {
    record.position().map_or_else(|| what.into(), |position| format!("line {}: {what}", position.line()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "month,carrier,tailnum,origin,dest,dep_delay,arr_delay,air_time,distance\n";

    fn parse(rows: &str) -> Result<Flights, String> {
        parse_flights(format!("{HEAD}{rows}").as_bytes(), usize::MAX)
    }

    #[test]
    fn reads_a_row_by_the_names_of_its_columns() {
        let found = parse("1,UA,N14228,EWR,IAH,2,-11,227,1400\n").expect("a good row");
        assert_eq!(
            found.flights,
            [Flight {
                tail: "N14228".into(),
                carrier: "UA".into(),
                origin: "EWR".into(),
                dest: "IAH".into(),
                arrival_delay: Some(-11),
                air_minutes: Some(227),
                miles: 1400,
            }]
        );
    }

    #[test]
    fn unknown_fields_are_none_and_rows_without_an_aircraft_are_counted() {
        let found = parse(
            "1,UA,N1,EWR,IAH,,,,1400\n1,UA,NA,EWR,IAH,1,1,1,1\n1,UA,,EWR,IAH,1,1,1,1\n1,UA,N2,EWR,IAH,1,NA,12.0,1\n",
        )
        .expect("good rows");
        assert_eq!(found.without_tail, 2);
        assert_eq!(found.flights[0].air_minutes, None);
        assert_eq!((found.flights[1].arrival_delay, found.flights[1].air_minutes), (None, Some(12)));
    }

    #[test]
    fn a_missing_column_and_a_bad_number_are_named() {
        let error = parse_flights("a,b\n1,2\n".as_bytes(), 9).expect_err("no columns");
        assert!(error.contains("`tailnum`"), "{error}");
        let error = parse("1,UA,N1,EWR,IAH,2,11,227,far\n").expect_err("a bad number");
        assert!(error.contains("line 2") && error.contains("`far`"), "{error}");
    }

    #[test]
    fn the_limit_counts_flights() {
        let rows = "1,UA,N1,EWR,IAH,2,11,227,1400\n".repeat(5);
        assert_eq!(parse_flights(format!("{HEAD}{rows}").as_bytes(), 3).expect("good rows").flights.len(), 3);
    }

    #[test]
    fn a_missing_file_says_what_to_do() {
        let error = read_flights(Path::new("/nowhere/flights.csv"), 1).expect_err("no such file");
        assert!(error.to_string().contains("--flights"), "{error}");
    }

    #[test]
    fn the_shipped_files_are_whole() {
        let found = read_flights(&shipped_flights(), usize::MAX).expect("the shipped flights");
        assert_eq!((found.flights.len(), found.without_tail), (79_948, 0));
        assert_eq!(read_carriers(&shipped_carriers()).expect("the shipped carriers").len(), 16);
    }
}
