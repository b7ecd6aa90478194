//! Owns what stands in the place of credentials where there are none. Never exists at run time.

/// Certificates, of which there are none without the feature `tls`.
#[derive(Clone, Debug)]
pub enum Credentials {}
