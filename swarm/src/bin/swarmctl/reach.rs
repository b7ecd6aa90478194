//! Owns which node is spoken to. Never chooses between several: they may be of different clusters.

use std::path::{Path, PathBuf};
use std::time::Duration;

use swarm::Admin;
use swarm::admin::{Client, Endpoint};

use crate::failure::Failure;
use crate::options::Options;

/// A client of the node that is meant.
pub(crate) async fn reach(options: &Options) -> Result<Client, Failure> {
    if options.secret_file.is_some() && options.connect.is_none() {
        // Not a rule of the parser: the two may stand on different sides of the subcommand.
        return Err(Failure::Usage(
            "--secret-file is for --connect ADDRESS:PORT: a node's socket asks for no secret".to_owned(),
        ));
    }
    let endpoint = match (&options.socket, options.connect) {
        (Some(path), _) => Endpoint::Unix(path.clone()),
        (None, Some(addr)) => Endpoint::Tcp(addr),
        (None, None) => return Ok(only(&Admin::default_dir()).await?.timeout(options.timeout)),
    };
    let mut dialler = Client::dialler().timeout(options.timeout);
    if let Some(file) = &options.secret_file {
        dialler = dialler.secret_file(file);
    }
    Ok(dialler.connect(&endpoint).await?)
}

/// How long a socket is listened to whose node may hang: another may be the one.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// A client of the only node that has its socket in a directory.
async fn only(dir: &Path) -> Result<Client, Failure> {
    let (mut found, mut dead) = (Vec::new(), 0);
    for path in sockets(dir) {
        let endpoint = Endpoint::Unix(path.clone());
        match Client::connect_within(&endpoint, ANSWER_MAX).await {
            Ok(client) => found.push((path, client)),
            // Nodes that have crashed leave their sockets behind.
            Err(_) => dead += 1,
        }
    }
    if found.len() > 1 {
        let each = found.iter().map(|(path, client)| {
            let welcome = client.welcome();
            format!("\n  --socket {}    ({} of cluster {})", path.display(), welcome.node, welcome.cluster)
        });
        let all: String = each.collect();
        return Err(Failure::Usage(format!("several nodes run here; say which one is to answer:{all}")));
    }
    found.pop().map(|(_, client)| client).ok_or_else(|| {
        let sockets = if dead == 0 { "no socket" } else { "no socket at which a node answers" };
        Failure::Unreachable(format!(
            "there is {sockets} in {}: start a node with `Builder::admin(Admin::default())`, be the user that it runs as, or name its socket by --socket PATH, or its address by --connect ADDRESS:PORT",
            dir.display()
        ))
    })
}

/// The sockets in a directory, in the order of their names.
fn sockets(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let is_socket = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "sock");
    let mut sockets: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_socket).collect();
    sockets.sort();
    sockets
}
