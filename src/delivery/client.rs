//! Builds the HTTP clients of one thread: the guard below them with TLS 1.2 or 1.3, HTTP/1.1 on top, and nothing that a
//! hostile receiver could use: no redirects, no cookies, no decompression, no proxy.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use url::Url;

use crate::delivery::connector::Guard;
use crate::delivery::resolve::Gate;

/// Longer than any deadline: ours is the only one that decides.
const NEVER: Duration = Duration::from_secs(3600);
/// How long a pooled connection may be reused in all, and how long it may stand idle before (SPEC 8).
const LIFETIME: Duration = Duration::from_secs(60);
const IDLE: Duration = Duration::from_secs(15);

/// One for each scheme: a connection without TLS is never found when one with TLS is wanted.
#[derive(Clone)]
pub struct Clients {
    http: awc::Client,
    https: awc::Client,
}

impl Clients {
    pub fn new(gate: &Rc<Gate>, tls: &Arc<ClientConfig>) -> Clients {
        Clients {
            http: client(Guard::plain(Rc::clone(gate))),
            https: client(Guard::with_tls(Rc::clone(gate), Arc::clone(tls))),
        }
    }

    /// A request to `url`, and how awc is asked for it: the guard has made TLS already, so it never hears of https.
    pub fn post(&self, url: &Url) -> awc::ClientRequest {
        let port = url.port_or_known_default();
        let client = if url.scheme() == "https" {
            &self.https
        } else {
            &self.http
        };
        let mut plain = url.clone();
        // Neither can fail for a URL of http or https; what is left as it was is refused by awc.
        let _ = plain.set_scheme("http");
        let _ = plain.set_port(port);
        client.post(plain.as_str())
    }
}

/// A client whose every connection goes through `guard`.
fn client(guard: Guard) -> awc::Client {
    let connector = awc::Connector::new()
        .connector(guard)
        // One semaphore for all hosts: a hanging one would starve the others. The engine has its own budgets.
        .limit(0)
        .timeout(NEVER)
        .handshake_timeout(NEVER)
        .conn_lifetime(LIFETIME)
        .conn_keep_alive(IDLE);
    awc::Client::builder()
        .connector(connector)
        .disable_redirects()
        .disable_timeout()
        .no_default_headers()
        .finish()
}

/// Trusts the authorities that browsers trust, and `extra_roots`.
pub fn tls_config(extra_roots: &[CertificateDer<'static>]) -> Arc<ClientConfig> {
    // The builder panics when the process has no provider. Somebody may have installed one already: as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    roots.add_parsable_certificates(extra_roots.iter().cloned());
    let mut config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

/// The certificates of a PEM file of additional authorities; the sentence says what is wrong with it.
pub fn roots_from_pem(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let roots = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("it is not a PEM file of certificates ({error:?})"))?;
    if roots.is_empty() {
        return Err("it holds no certificate".to_owned());
    }
    let mut store = RootCertStore::empty();
    for root in &roots {
        store
            .add(root.clone())
            .map_err(|error| format!("a certificate in it cannot be used ({error})"))?;
    }
    Ok(roots)
}
