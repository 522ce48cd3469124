//! Publish: a host application hands in an event of a project.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json};
use serde::Serialize;

use super::ok;
use crate::actions::publish::{self, HandIn};
use crate::context::Context;
use crate::domain::ids::EventId;
use crate::web::api_error::ApiError;
use crate::web::caller::Caller;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Published {
    event_id: EventId,
    deliveries: usize,
}

pub async fn publish(ctx: Data<Context>, caller: Caller, Json(event): Json<HandIn>) -> Result<HttpResponse, ApiError> {
    let event = event.check()?;
    let accepted = ctx.write(move |tx| publish::hand_in(tx, &caller.actor, &event)).await?;
    ok(Published {
        event_id: accepted.event,
        deliveries: accepted.deliveries,
    })
}
