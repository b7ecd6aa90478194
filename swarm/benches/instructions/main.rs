//! How many instructions the hottest pieces take, counted by valgrind's callgrind, beside those that are stored in `baseline.txt`: what else
//! the machine does changes no count. Never measures time; that is what the other benches are for.
//!
//! ```text
//! cargo bench -p swarm --bench instructions                # compares: exit status 1 if a piece is off by more than 5 %
//! cargo bench -p swarm --bench instructions -- --renew     # stores what is counted now
//! cargo bench -p swarm --features admin,prometheus --bench instructions    # and what it costs to be looked at
//! ```

mod baseline;
mod callgrind;
mod pieces;

use std::io;
use std::process::ExitCode;

use baseline::{Baseline, TOLERANCE, toolchain};
use callgrind::count;
use pieces::{Piece, TIMES};

/// The role in which this program is run by callgrind.
const PIECE: &str = "--piece";

/// Exit status if nothing could be counted, as opposed to a piece that is off.
const NOT_RUN: u8 = 2;

fn main() -> ExitCode {
    // Cargo says `--bench` to each bench.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        [] | ["--renew"] if cfg!(debug_assertions) => {
            Err(io::Error::other("this build is not optimised: use `cargo bench`"))
        }
        [] => compare(),
        ["--renew"] => renew(),
        [PIECE, piece, times] => run(piece, times),
        _ => Err(io::Error::other(format!("`{}` is not understood: --renew, or nothing", words.join(" ")))),
    };
    done.unwrap_or_else(|trouble| {
        eprintln!("instructions: {trouble}");
        ExitCode::from(NOT_RUN)
    })
}

/// Counts each piece and compares it with what is stored; and sees that a tenth more work would not have passed.
fn compare() -> io::Result<ExitCode> {
    let (stored, here) = (Baseline::read()?, toolchain()?);
    if stored.toolchain != here {
        println!(
            "NOT COMPARED: {here} makes other instructions than {}, of which the stored counts are",
            stored.toolchain
        );
        return Ok(ExitCode::SUCCESS);
    }
    let mut good = true;
    for piece in Piece::ALL {
        let (now, then) = (count(*piece, TIMES)?, stored.of(*piece)?);
        let more = count(*piece, TIMES + TIMES / 10)?;
        let verdict = match (within(now, then), within(more, now)) {
            // The stored counts are of the build without features.
            _ if !Piece::BESIDE.is_empty() => "",
            (true, false) => "",
            (false, _) => "  OFF",
            (true, true) => "  BLIND: a tenth more work is not noticed",
        };
        good &= verdict.is_empty();
        let off = (now / then - 1.0) * 100.0;
        println!("{:<12}{now:>9.1} instructions, stored {then:>9.1}: {off:>+6.2} %{verdict}", piece.word());
    }
    for piece in Piece::BESIDE {
        let (now, first) = (count(*piece, TIMES)?, count(Piece::LocalCall, TIMES)?);
        println!(
            "{:<12}{now:>9.1} instructions, without {first:>9.1}: {:>+6.2} %",
            piece.word(),
            (now / first - 1.0) * 100.0
        );
    }
    if !good {
        println!("If that is as it should be: cargo bench -p swarm --bench instructions -- --renew");
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn within(now: f64, then: f64) -> bool {
    (now / then - 1.0).abs() <= TOLERANCE
}

fn renew() -> io::Result<ExitCode> {
    let counts = Piece::ALL.iter().map(|piece| Ok((*piece, count(*piece, TIMES)?))).collect::<io::Result<Vec<_>>>()?;
    Baseline { toolchain: toolchain()?, counts }.write()?;
    Ok(ExitCode::SUCCESS)
}

fn run(piece: &str, times: &str) -> io::Result<ExitCode> {
    pieces::run(piece.parse()?, times.parse().map_err(io::Error::other)?)?;
    Ok(ExitCode::SUCCESS)
}
