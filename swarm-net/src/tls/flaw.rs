//! Owns what can be wrong with a node's certificate, in the eyes of another. Never knows whose it is.

use rustls::{AlertDescription, CertificateError, Error};

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// There is none.
    #[error("was not shown")]
    Absent,
    /// It is not valid any more, or not yet, and the other end does not say which.
    #[error("is not valid at this time")]
    Untimely,
    /// It is not valid any more.
    #[error("has expired")]
    Expired,
    /// It is not valid yet: or the clock of one of the two is wrong.
    #[error("is not valid yet")]
    Early,
    /// It does not chain to the CA.
    #[error("is not one of the cluster's CA")]
    Issuer,
    /// It does not bear the name that those of the cluster's nodes bear.
    #[error("does not bear the name of the cluster's nodes")]
    Name,
    /// It may not be used by TLS servers, or not by TLS clients; a node is both.
    #[error("may not be used for this end of a connection (extended key usage)")]
    Purpose,
    /// It is malformed, wrongly signed, or revoked, or its kind is not supported.
    #[error("cannot be accepted")]
    Unfit,
}

#[expect(clippy::wildcard_enum_match_arm, reason = "they are rustls's, which has many and may add some")]
impl Flaw {
    /// What is wrong with the other end's certificate, if this error says that something is.
    pub(crate) fn of_theirs(error: &Error) -> Option<Self> {
        match error {
            Error::NoCertificatesPresented => Some(Self::Absent),
            Error::InvalidCertificate(error) => Some(Self::of(error)),
            _ => None,
        }
    }

    /// What the other end says is wrong with ours, if it says that something is.
    pub(crate) fn of_ours(error: &Error) -> Option<Self> {
        let Error::AlertReceived(alert) = error else { return None };
        match alert {
            AlertDescription::CertificateRequired => Some(Self::Absent),
            AlertDescription::CertificateExpired => Some(Self::Untimely),
            AlertDescription::UnknownCA => Some(Self::Issuer),
            AlertDescription::UnsupportedCertificate => Some(Self::Purpose),
            // Of what is told by this the name is by far the likeliest, but not all that there is.
            AlertDescription::BadCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::AccessDenied => Some(Self::Unfit),
            _ => None,
        }
    }

    fn of(error: &CertificateError) -> Self {
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::Early,
            CertificateError::UnknownIssuer => Self::Issuer,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Self::Name,
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => Self::Purpose,
            _ => Self::Unfit,
        }
    }
}
