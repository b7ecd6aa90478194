//! Owns what `INFO` tells of a node. Never asks another one.

use std::sync::atomic::Ordering;

use super::server::Hall;

/// All sections, in Redis's form.
pub(super) fn text(hall: &Hall) -> String {
    let (stats, counters) = (hall.swarm.stats(), &hall.counters);
    let facts: [(&str, &str, String); 11] = [
        ("Server", "server_name", "swarm-resp".to_owned()),
        // The version whose commands these are: clients look at it before they use one.
        ("Server", "redis_version", "7.0.0".to_owned()),
        ("Server", "redis_mode", "standalone".to_owned()),
        ("Server", "process_id", std::process::id().to_string()),
        ("Server", "tcp_port", hall.addr.port().to_string()),
        ("Server", "uptime_in_seconds", hall.since.elapsed().as_secs().to_string()),
        ("Clients", "connected_clients", counters.connected.load(Ordering::Relaxed).to_string()),
        ("Stats", "total_connections_received", counters.connections.load(Ordering::Relaxed).to_string()),
        ("Stats", "total_commands_processed", counters.commands.load(Ordering::Relaxed).to_string()),
        ("Swarm", "swarm_nodes", stats.nodes.to_string()),
        ("Swarm", "swarm_workers_here", stats.workers.to_string()),
    ];
    let (mut text, mut last) = (String::new(), "");
    for (section, name, value) in facts {
        if section != last {
            text += &format!("{}# {section}\r\n", if last.is_empty() { "" } else { "\r\n" });
            last = section;
        }
        text += &format!("{name}:{value}\r\n");
    }
    text
}
