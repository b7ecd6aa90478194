//! Writes what the fuzz targets begin with: real encodings, into `corpus`. Never deletes anything.

use std::path::Path;
use std::{fs, io};

use swarm_fuzz::TARGETS;

fn main() -> io::Result<()> {
    for target in TARGETS {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
        fs::create_dir_all(&dir)?;
        for (i, seed) in (target.seeds)().into_iter().enumerate() {
            fs::write(dir.join(format!("seed-{i}")), seed)?;
        }
    }
    Ok(())
}
