//! Publish: a host application hands in an event of a project.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json};
use serde::Serialize;

use super::ok;
use crate::actions::publish::{HandIn, PublishDesk, Submission};
use crate::domain::ids::EventId;
use crate::web::api_error::ApiError;
use crate::web::caller::Bearer;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Published {
    event_id: EventId,
    deliveries: usize,
}

/// Who calls is found out in the transaction that takes the event: a read of its own would cost as much as the rest.
pub async fn publish(
    desk: Data<PublishDesk>,
    caller: Bearer,
    Json(event): Json<HandIn>,
) -> Result<HttpResponse, ApiError> {
    let submission = Submission {
        access: caller.token,
        address: caller.address,
        event: event.check()?,
    };
    let published = desk.submit(submission).await?;
    ok(Published {
        event_id: published.event,
        deliveries: published.deliveries,
    })
}
