//! Owns one run of the campaign: its scenarios in turn, and what they come to. Never leaves a process behind.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use super::options::{Command, Options, USAGE};
use super::report::{Report, table};
use super::scenarios::Scenario;
use super::{node, office};
use crate::fleet::program::{BROKEN, NOT_RUN, until_interrupted};

/// What goes wrong in the campaign itself, and not in what it looks at.
pub type Trouble = Box<dyn Error + Send + Sync>;

/// The machine lacks what a scenario needs.
#[derive(Debug)]
pub struct Unsupported(pub String);

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this machine does not allow it: {}", self.0)
    }
}

impl Error for Unsupported {}

/// Exit status when all held but what this machine does not allow.
const UNSUPPORTED: u8 = 3;

/// Does what the command line says.
pub async fn main(words: impl IntoIterator<Item = String>) -> ExitCode {
    let command = match Command::parse(words) {
        Ok(command) => command,
        Err(mistake) => {
            eprintln!("chaos: {mistake}\n\n{USAGE}");
            return ExitCode::from(NOT_RUN);
        }
    };
    let ran = match command {
        Command::Help => {
            println!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        Command::List => {
            Scenario::ALL.iter().for_each(|scenario| println!("{:<12} {}", scenario.name(), scenario.shows()));
            Ok(ExitCode::SUCCESS)
        }
        Command::Node(place) => node::run(&place).await.map(|()| ExitCode::SUCCESS),
        Command::Callers(place, crowd) => office::run(&place, &crowd).await.map(|()| ExitCode::SUCCESS),
        Command::Run(options) => until_interrupted(run(options)).await,
    };
    ran.unwrap_or_else(|trouble| {
        eprintln!("chaos: {trouble}");
        ExitCode::from(NOT_RUN)
    })
}

async fn run(options: Options) -> Result<ExitCode, Trouble> {
    let mut reports: Vec<Report> = Vec::new();
    let mut left_out = Vec::new();
    for scenario in &options.scenarios {
        println!("\n== {}: {}", scenario.name(), scenario.shows());
        match scenario.run(&options).await {
            Ok(report) => {
                report.lines().iter().for_each(|line| println!("{line}"));
                reports.push(report);
            }
            Err(trouble) if trouble.is::<Unsupported>() => {
                println!("   left out: {trouble}");
                left_out.push(scenario.name());
            }
            Err(trouble) => return Err(format!("{}: {trouble}", scenario.name()).into()),
        }
    }
    println!();
    table(&reports).iter().for_each(|line| println!("{line}"));
    if !reports.iter().all(Report::holds) {
        println!("NOT ALL HELD");
        return Ok(ExitCode::from(BROKEN));
    }
    if !left_out.is_empty() {
        println!("left out: {}", left_out.join(", "));
        return Ok(ExitCode::from(UNSUPPORTED));
    }
    println!("all held");
    Ok(ExitCode::SUCCESS)
}
