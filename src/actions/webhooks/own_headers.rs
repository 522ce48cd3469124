//! The headers that a webhook sends along: opened to be compared with what is entered, and sealed again. Their values stay where they
//! were entered for: with one host.

use serde_json::json;

use super::{Edit, hide_path, told};
use crate::actions::keys;
use crate::db::webhooks::Webhook;
use crate::db::{Tx, webhooks};
use crate::domain::ids::WebhookId;
use crate::domain::own_header::{Given, OwnHeader};
use crate::error::AppError;
use crate::vault::{Sealer, Vault, seal_headers};

/// Whether the URL leads to another host, port or scheme: to somebody else, perhaps.
pub(super) fn moves(before: &Webhook, url: &str) -> bool {
    hide_path(&before.url) != hide_path(url)
}

/// Values of own headers that whoever edits need not know.
pub(super) fn keeps_headers(before: &Webhook, edit: &Edit) -> bool {
    match &edit.headers {
        None => before.header_names.is_some(),
        Some(given) => given.iter().any(|one| one.value.is_none()),
    }
}

/// The own headers that a webhook has.
pub(super) enum Stored {
    Opened(Vec<OwnHeader>),
    /// They do not open, and none of them is to be kept.
    Lost,
}

impl Stored {
    pub(super) fn opened(&self) -> &[OwnHeader] {
        match self {
            Stored::Opened(own) => own,
            Stored::Lost => &[],
        }
    }

    /// What it shall have, unless it has just that.
    pub(super) fn other_than(self, own: Vec<OwnHeader>) -> Option<(Stored, Vec<OwnHeader>)> {
        match &self {
            Stored::Opened(stored) if *stored == own => None,
            _ => Some((self, own)),
        }
    }
}

/// What is stored, for those that are to be kept. Who keeps none can replace what does not open.
pub(super) fn stored_headers(
    tx: &mut Tx<'_>,
    id: WebhookId,
    given: &[Given],
    vault: &Vault,
) -> Result<Stored, AppError> {
    let sealed = webhooks::headers_sealed(tx.db, id)?;
    match vault.open_headers(id, sealed.as_deref()) {
        Ok(own) => Ok(Stored::Opened(own)),
        Err(_) if given.iter().all(|one| one.value.is_some()) => Ok(Stored::Lost),
        Err(error) => Err(keys::does_not_open(format_args!("the headers of webhook {id}"), error)),
    }
}

pub(super) fn set_headers(tx: &mut Tx<'_>, id: WebhookId, own: &[OwnHeader], key: &Sealer) -> Result<(), AppError> {
    let sealed = seal_headers(key, id, own);
    let names = json!(told::names_of(own)).to_string();
    let kept = (!own.is_empty()).then_some((sealed.as_slice(), names.as_str()));
    Ok(webhooks::set_headers(tx.db, id, kept, tx.now)?)
}
