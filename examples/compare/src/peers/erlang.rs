//! Owns how Erlang/OTP is started, if it is installed. What its processes do stands in `compare.erl`; they speak the same lines as all
//! others.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::BECOME;
use crate::kernel::PARENT;

/// What is run.
const SOURCE: &str = include_str!("compare.erl");

/// What to say where it is not.
pub(crate) const MISSING: &str = "erlang: not installed, so its rows are left out: apt-get install erlang-base";

/// A compiled module in a folder of its own, which goes with it.
pub(crate) struct Erlang {
    folder: PathBuf,
    pinned: bool,
}

impl Erlang {
    /// Compiles the module; nothing, if there is no Erlang.
    pub(crate) fn find(pinned: bool) -> io::Result<Option<Self>> {
        let there = Command::new("erlc").arg("-help").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if there.is_err() {
            return Ok(None);
        }
        let folder = std::env::temp_dir().join(format!("compare-erlang-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let this = Self { folder, pinned };
        let source = this.folder.join("compare.erl");
        fs::write(&source, SOURCE)?;
        let compiled = Command::new("erlc").arg("-o").arg(&this.folder).arg(&source).status()?;
        if compiled.success() { Ok(Some(this)) } else { Err(io::Error::other("compare.erl does not compile")) }
    }

    /// A node that hosts so many gen_servers, and a client's arguments to find it: its port and its name.
    pub(crate) fn server(&self, actors: u64) -> io::Result<(Command, String)> {
        // Without epmd, a daemon that would outlive us, the client must know the port.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let name = format!("server{}@127.0.0.1", std::process::id());
        let mut erl = self.erl()?;
        erl.args([
            "-erl_epmd_port",
            &port.to_string(),
            "-name",
            &name,
            "-run",
            "compare",
            "server",
            &actors.to_string(),
        ]);
        Ok((erl, format!("{port} {name}")))
    }

    /// The callers of a server.
    pub(crate) fn client(&self, address: &str) -> io::Result<Command> {
        let (port, server) = address.split_once(' ').ok_or_else(|| io::Error::other("this is no node's address"))?;
        let name = format!("client{}@127.0.0.1", std::process::id());
        let mut erl = self.erl()?;
        erl.args([
            "-erl_epmd_port",
            port,
            "-dist_listen",
            "false",
            "-name",
            &name,
            "-run",
            "compare",
            "client",
            server,
        ]);
        Ok(erl)
    }

    /// Callers and gen_servers in one process.
    pub(crate) fn near(&self) -> io::Result<Command> {
        let mut erl = self.erl()?;
        erl.args(["-run", "compare", "near"]);
        Ok(erl)
    }

    fn erl(&self) -> io::Result<Command> {
        let mut erl = Command::new(std::env::current_exe()?);
        erl.env(PARENT, std::process::id().to_string()).args([BECOME, "erl", "+S", "2:2"]);
        if self.pinned {
            // Schedulers that wait busily would take the one core from those they wait for.
            erl.args(["+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none"]);
        }
        // A million processes, and no file when it crashes.
        erl.args(["+P", "2000000", "-noshell", "-start_epmd", "false", "-setcookie", "compare", "-pa"]);
        erl.arg(path(&self.folder)?).args(["-kernel", "inet_dist_use_interface", "{127,0,0,1}"]);
        erl.env("ERL_CRASH_DUMP_BYTES", "0");
        Ok(erl)
    }
}

impl Drop for Erlang {
    fn drop(&mut self) {
        // It is in the folder for temporary files in any case.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn path(folder: &Path) -> io::Result<&str> {
    folder.to_str().ok_or_else(|| io::Error::other("the folder for temporary files has a name that Erlang cannot read"))
}
