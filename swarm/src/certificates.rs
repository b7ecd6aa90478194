//! Owns how a node comes by its certificates, and the users' handle on them. Never shows a private key.

use std::ffi::OsString;
use std::fmt;
use std::sync::Arc;

use swarm_net::tls::{Credentials, Tls, TlsError};

use crate::config::{TLS_CA, TLS_CERT, TLS_KEY, TLS_NAME};
use crate::runtime::Node;
use crate::swarm::Swarm;

/// The certificates of a node, which can be changed while it runs: [`Swarm::tls`].
///
/// # What they must be
/// Each node has a certificate of the cluster's CA, its own or one that all share. It bears the DNS name `<cluster>.swarm` as a subject alternative
/// name, or what [`Tls::name`] says instead, and is good for TLS servers and for TLS clients. Whoever has such a certificate is a member; a name
/// for each machine would tell members apart, which trust each other anyway, and would have to change with each address.
///
/// # To change them without a stop
/// A new certificate of the same CA: write the files of a node, then [`reload`](Self::reload) it; in any order among the nodes.
///
/// Another CA, on every node, each step when the one before is done everywhere:
/// 1. Both CAs, one after the other, in the file of the CA; [`reload`](Self::reload): certificates of either are accepted.
/// 2. The certificates and keys of the new CA; [`reload`](Self::reload).
/// 3. The new CA alone in the file of the CA; [`reload`](Self::reload): the old certificates open nothing more.
///
/// No call is lost by any of this. Connections that are open go on, also when the certificates that they began with have expired or are of a CA that is
/// gone; [`renew`](Self::renew) ends that.
///
/// ```no_run
/// # async fn example(swarm: swarm::Swarm) -> Result<(), Box<dyn std::error::Error>> {
/// // Whoever writes the files anew need not tell the node.
/// let mut now_and_then = tokio::time::interval(std::time::Duration::from_secs(3_600));
/// loop {
///     now_and_then.tick().await;
///     if let Err(error) = swarm.tls().reload() {
///         tracing::error!(%error, "the certificates of before are still in use");
///     }
/// }
/// # }
/// ```
#[derive(Clone)]
pub struct Certificates {
    node: Arc<Node>,
}

impl Swarm {
    /// The certificates of this node: to change them without a stop.
    pub fn tls(&self) -> Certificates {
        Certificates { node: self.inner().clone() }
    }
}

impl Certificates {
    /// Reads the three files again. Connections that begin from now on, whichever side dials, show and accept what stands in them. Those that are open
    /// go on: no call is lost.
    ///
    /// # Errors
    /// [`TlsError`] if a file cannot be read or is not what it should be, no node would accept the certificate (as when it has expired), or the
    /// node was started without certificates. Then those of before stay in use, all three.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.credentials()?.reload()
    }

    /// Ends the connections of this node that began before the certificates were last read, and makes them anew, so that both ends show and
    /// check certificates again: who has none that is accepted now is out. Asked of each node in turn, it leaves no connection in the cluster that
    /// began with old certificates.
    ///
    /// As when any connection is lost, calls that are under way over them may fail, and say whether they may have run; the nodes stay members meanwhile.
    ///
    /// # Errors
    /// [`TlsError::Without`] if the node was started without certificates.
    pub fn renew(&self) -> Result<(), TlsError> {
        self.credentials()?;
        self.node.transport().renew();
        Ok(())
    }

    /// The DNS name that the certificates of all nodes of the cluster bear.
    ///
    /// # Errors
    /// [`TlsError::Without`] if the node was started without certificates.
    pub fn name(&self) -> Result<&str, TlsError> {
        self.credentials().map(Credentials::name)
    }

    fn credentials(&self) -> Result<&Credentials, TlsError> {
        self.node.tls.as_ref().ok_or(TlsError::Without)
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Certificates").field(&self.node.tls).finish()
    }
}

/// The certificates that the code names, or else those of the environment, if any.
pub(crate) fn told(tls: Option<Tls>, variable: impl Fn(&str) -> Option<OsString>) -> Result<Option<Tls>, TlsError> {
    if tls.is_some() {
        return Ok(tls);
    }
    let Some(first) = [TLS_CERT, TLS_KEY, TLS_CA, TLS_NAME].into_iter().find(|name| variable(name).is_some()) else {
        return Ok(None);
    };
    let path = |missing| variable(missing).ok_or(TlsError::Incomplete { first, missing });
    let tls = Tls::from_files(path(TLS_CERT)?, path(TLS_KEY)?, path(TLS_CA)?)?;
    Ok(Some(match variable(TLS_NAME) {
        None => tls,
        Some(name) => tls.name(name.to_string_lossy()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(variables: &[(&str, &str)]) -> TlsError {
        let variable = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, text)| text.into());
        told(None, variable).expect_err("it cannot be meant")
    }

    #[test]
    fn what_is_incomplete_in_the_environment_is_an_error_and_never_no_certificates() {
        assert!(told(None, |_| None).expect("nothing is said").is_none());
        for (variables, first, missing) in [
            ([(TLS_CERT, "a")].as_slice(), TLS_CERT, TLS_KEY),
            (&[(TLS_KEY, "a"), (TLS_CERT, "b")], TLS_CERT, TLS_CA),
            (&[(TLS_CA, "a")], TLS_CA, TLS_CERT),
            (&[(TLS_NAME, "a")], TLS_NAME, TLS_CERT),
        ] {
            assert_eq!(error(variables), TlsError::Incomplete { first, missing });
        }
        let absent = error(&[(TLS_CERT, "/nonexistent/cert"), (TLS_KEY, "b"), (TLS_CA, "c")]).to_string();
        assert!(absent.contains("the certificate /nonexistent/cert"), "{absent}");
    }
}
