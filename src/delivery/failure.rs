//! Why a request got no answer: from the errors of sockets, TLS and HTTP to an outcome and a sentence for people. The
//! sentences name the host and the port, never the path or the query of the URL: those can be secrets.

use std::error::Error;
use std::io;
use std::time::Duration;

use actix_web::error::ParseError;
use awc::error::{ConnectError, SendRequestError};
use rustls::CertificateError;
use url::Url;

use crate::delivery::answer::Fault;
use crate::delivery::connector::{NotConnected, Trace};
use crate::delivery::resolve::NotVetted;
use crate::domain::delivery::Outcome;

/// A receiver in a sentence.
pub struct Receiver {
    host: String,
    port: u16,
}

impl Receiver {
    pub fn of(url: &Url) -> Receiver {
        Receiver {
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port_or_known_default().unwrap_or_default(),
        }
    }

    fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// No head within the deadline; `trace` knows how far it came.
    pub fn too_slow(&self, trace: &Trace, deadline: Duration) -> Outcome {
        let to = self.authority();
        let limit = seconds(deadline);
        Outcome::Timeout(if trace.heard() {
            format!("{to} began to answer, but its head was not complete after {limit}.")
        } else if trace.reused() {
            format!("{to} did not answer within {limit}.")
        } else if trace.lookup().is_none() {
            format!("The name {} could not be looked up within {limit}.", self.host)
        } else if trace.connect().is_none() {
            format!("The connection to {to} could not be made within {limit}: nothing answered at that address.")
        } else if !trace.ready() {
            format!("{to} accepted the connection but did not finish the TLS handshake within {limit}.")
        } else {
            format!("{to} did not answer within {limit}.")
        })
    }

    /// The exchange failed before a head came.
    pub fn failed(&self, trace: &Trace, error: &SendRequestError) -> Outcome {
        match trace.failure() {
            Some(NotConnected::NotVetted(NotVetted::Unknown(why))) => return Outcome::Dns(why),
            Some(NotConnected::NotVetted(NotVetted::Blocked(why))) => return Outcome::Blocked(why),
            Some(NotConnected::Refused(kind, error)) => return self.not_connected(kind, &error),
            Some(NotConnected::Unnameable) => {
                return Outcome::Tls(format!("{} is not a host that a certificate could name.", self.host));
            }
            Some(NotConnected::Tls(error)) => return Outcome::Tls(self.no_handshake(&error)),
            None => {}
        }
        let to = self.authority();
        if let Some(error) = io_error(error) {
            if let Some(error) = caused_by::<rustls::Error>(error) {
                return Outcome::Tls(self.tls_sentence(error));
            }
            if let Some(fault) = caused_by::<Fault>(error) {
                return Outcome::Protocol(self.fault(*fault));
            }
        }
        match error {
            error if is_disconnect(error) && !trace.heard() => self.without_an_answer(),
            SendRequestError::Connect(ConnectError::Disconnected)
            | SendRequestError::Send(_)
            | SendRequestError::Response(ParseError::Io(_) | ParseError::Incomplete) => {
                Outcome::Protocol(self.fault(Fault::Unfinished))
            }
            SendRequestError::Response(ParseError::TooLarge) => Outcome::Protocol(self.fault(Fault::TooLarge)),
            SendRequestError::Response(_) => Outcome::Protocol(self.fault(Fault::NotHttp)),
            SendRequestError::Url(_) | SendRequestError::Http(_) => {
                Outcome::Protocol("The request could not be made from this URL and these headers.".to_owned())
            }
            error => Outcome::Protocol(format!("The exchange with {to} failed: {error}.")),
        }
    }

    fn without_an_answer(&self) -> Outcome {
        let to = self.authority();
        Outcome::Protocol(format!("{to} closed the connection without an answer."))
    }

    fn fault(&self, fault: Fault) -> String {
        let to = self.authority();
        match fault {
            Fault::NotHttp => format!("What {to} answered is not HTTP."),
            Fault::OtherVersion => format!("{to} answered in another version of HTTP; HTTP/1.1 was asked for."),
            Fault::TooLarge => format!("The head of the answer of {to} is too large."),
            Fault::EndlessInterim => format!("{to} sent interim answers (1xx) without end, and no final one."),
            Fault::Length => {
                format!(
                    "The answer of {to} does not say how long its body is: its Content-Length is no number, or two."
                )
            }
            // The second is never told: a head had come by then, which decides.
            Fault::Unfinished | Fault::EndlessBody => {
                format!("{to} closed the connection in the middle of its answer.")
            }
        }
    }

    fn no_handshake(&self, error: &io::Error) -> String {
        match caused_by::<rustls::Error>(error) {
            Some(error) => self.tls_sentence(error),
            None => format!("{} closed the connection during the TLS handshake.", self.authority()),
        }
    }

    fn not_connected(&self, kind: io::ErrorKind, error: &str) -> Outcome {
        let to = self.authority();
        // Taken, and thrown away before we had noticed that it was taken.
        if kind == io::ErrorKind::ConnectionReset {
            return self.without_an_answer();
        }
        Outcome::Connect(match kind {
            io::ErrorKind::ConnectionRefused => {
                format!("The connection to {to} was refused: nothing listens there.")
            }
            io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable | io::ErrorKind::AddrNotAvailable => {
                format!("{to} cannot be reached from here: there is no route to it.")
            }
            io::ErrorKind::TimedOut => format!("The connection to {to} timed out."),
            _ => format!("The connection to {to} could not be made: {error}."),
        })
    }

    fn tls_sentence(&self, error: &rustls::Error) -> String {
        let host = &self.host;
        let to = self.authority();
        match error {
            rustls::Error::InvalidCertificate(wrong) => match wrong {
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    format!("The certificate of {host} has expired.")
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    format!("The certificate of {host} is not valid yet.")
                }
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    format!("The certificate that {to} shows is not for the name {host}.")
                }
                CertificateError::UnknownIssuer => format!(
                    "The certificate of {host} comes from an authority that is not trusted here; \
                     TASKVIEW_EXTRA_CA_FILE can name it."
                ),
                CertificateError::Revoked => format!("The certificate of {host} has been revoked."),
                // Of webpki, which rustls does not take apart.
                CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => format!(
                    "The certificate of {host} is that of an authority (CA:TRUE), as openssl req -x509 makes it by itself; make one with \
                     -addext basicConstraints=critical,CA:FALSE."
                ),
                wrong => format!("The certificate of {host} is not valid: {wrong}."),
            },
            rustls::Error::InvalidMessage(_) => {
                format!("What {to} answered is not TLS; should the URL begin with http://?")
            }
            rustls::Error::AlertReceived(alert) => format!("{to} broke off the TLS handshake: {alert:?}."),
            rustls::Error::PeerIncompatible(_) => {
                format!("{to} speaks no version or cipher of TLS that is accepted here (TLS 1.2 or 1.3).")
            }
            error => format!("The TLS connection to {to} failed: {error}."),
        }
    }
}

/// The connection ended before a byte of an answer came. On a pooled one that only says that the receiver had closed it.
pub fn is_disconnect(error: &SendRequestError) -> bool {
    match error {
        SendRequestError::Connect(ConnectError::Disconnected) => true,
        SendRequestError::Send(error) | SendRequestError::Response(ParseError::Io(error)) => matches!(
            error.kind(),
            io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::NotConnected
                | io::ErrorKind::UnexpectedEof
        ),
        _ => false,
    }
}

fn io_error(error: &SendRequestError) -> Option<&io::Error> {
    match error {
        SendRequestError::Connect(ConnectError::Io(error))
        | SendRequestError::Send(error)
        | SendRequestError::Response(ParseError::Io(error)) => Some(error),
        _ => None,
    }
}

fn caused_by<E: Error + 'static>(error: &io::Error) -> Option<&E> {
    let mut cause: &(dyn Error + 'static) = error.get_ref()?;
    loop {
        if let Some(error) = cause.downcast_ref::<E>() {
            return Some(error);
        }
        cause = cause.source()?;
    }
}

/// `10 seconds`, `0.3 seconds`, `1 second`.
fn seconds(duration: Duration) -> String {
    let tenths = (duration.as_secs_f64() * 10.0).round() / 10.0;
    if tenths == 1.0 {
        "1 second".to_owned()
    } else {
        format!("{tenths} seconds")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::delivery::OutcomeKind;
    use crate::domain::hint::{Seen, hint};

    fn advice(message: &str) -> String {
        hint(&Seen {
            outcome: OutcomeKind::Tls,
            code: None,
            message,
            connected: true,
            url: "https://hooks.example.com/",
            headers: &[],
            body: b"",
            manages: true,
            patient: false,
        })
    }

    #[test]
    fn each_trouble_with_a_certificate_has_a_hint_of_its_own() {
        let receiver = Receiver::of(&Url::parse("https://hooks.example.com/").expect("a URL"));
        let of_certificate = |error| receiver.tls_sentence(&rustls::Error::InvalidCertificate(error));
        let sentences = [
            of_certificate(CertificateError::Expired),
            of_certificate(CertificateError::NotValidYet),
            of_certificate(CertificateError::NotValidForName),
            of_certificate(CertificateError::UnknownIssuer),
            of_certificate(CertificateError::Revoked),
            receiver.tls_sentence(&rustls::Error::PeerIncompatible(
                rustls::PeerIncompatible::NoCipherSuitesInCommon,
            )),
            receiver.tls_sentence(&rustls::Error::InvalidMessage(
                rustls::InvalidMessage::InvalidContentType,
            )),
        ];
        let any = advice("");

        let mut hints: Vec<_> = sentences.iter().map(|sentence| advice(sentence)).collect();

        assert!(hints.iter().all(|hint| *hint != any), "{hints:?}");
        hints.sort_unstable();
        hints.dedup();
        assert_eq!(hints.len(), sentences.len());
    }
}
