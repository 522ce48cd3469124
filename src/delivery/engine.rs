//! The running engine from outside: started on an arbiter of its own, told to stop, waited for. What it does in its rounds
//! stands in `rounds.rs`.

use std::sync::Arc;

use actix_rt::Arbiter;
use rustls::pki_types::CertificateDer;
use tokio::sync::{mpsc, oneshot};

use crate::context::{Context, Wires};
use crate::delivery::resolve::Resolver;
use crate::delivery::rounds::Engine;
use crate::delivery::sender::{Sender, SenderConfig};

/// The running engine; dropping it does not stop it.
pub struct EngineHandle {
    arbiter: Arbiter,
    stop: mpsc::UnboundedSender<()>,
    done: oneshot::Receiver<()>,
}

impl EngineHandle {
    /// No new claims from now on.
    pub fn stop_claiming(&self) {
        let _ = self.stop.send(());
    }

    /// Lets requests in flight finish (10 s), records them and gives back what is not finished.
    pub async fn stop(self) {
        self.stop_claiming();
        let _ = self.done.await;
        self.arbiter.stop();
    }
}

/// Starts the engine on a thread of its own. On `wires` commits tell what became due and give what they have claimed.
pub fn start(
    context: Context,
    resolver: Resolver,
    extra_roots: Vec<CertificateDer<'static>>,
    wires: Wires,
) -> EngineHandle {
    let arbiter = Arbiter::new();
    let (stop, stopped) = mpsc::unbounded_channel();
    let (tell, done) = oneshot::channel();
    // awc's futures are not `Send`: everything is made on the arbiter.
    arbiter.spawn_fn(move || {
        let config = SenderConfig {
            resolver,
            extra_roots,
            deadline: context.config().timing.deadline,
            body_time: context.config().timing.body,
            ..SenderConfig::new(Arc::new(context.config().allow.clone()))
        };
        actix_rt::spawn(async move {
            Engine::new(context, Sender::new(config)).run(wires, stopped).await;
            let _ = tell.send(());
        });
    });
    EngineHandle { arbiter, stop, done }
}
