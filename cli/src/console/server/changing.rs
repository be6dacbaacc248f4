//! The pages that ask whether something shall be done, and what does it.

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};

use super::{
    super::{
        actions::{self, Action, Sent},
        page,
        running::Console,
    },
    Shared, document, named,
};
use crate::view::View;

pub(super) async fn ask(
    State(console): Shared,
    Path((cluster, service, action)): Path<(String, String, String)>,
) -> Response {
    let asked = async {
        let action = console.action(&action)?;
        let view = console.view(&named(&cluster, &service)?).await?;
        Ok(asking(&console, action, &view, StatusCode::OK, None))
    };
    asked
        .await
        .unwrap_or_else(|problem| console.problem(problem))
}

/// The page that asks whether something shall be done.
fn asking(
    console: &Console,
    action: &Action,
    view: &View,
    status: StatusCode,
    problem: Option<&str>,
) -> Response {
    let problem = if (action.is_offered)(view) {
        problem
    } else {
        Some("The service has changed meanwhile: there is nothing to do this about now.")
    };
    let form = actions::form(action, view, problem);
    let title = format!("{} {}", action.name, view.desired.service);
    (status, document(&console.page(&title, "", &form))).into_response()
}

pub(super) async fn act(
    State(console): Shared,
    Path((cluster, service, action)): Path<(String, String, String)>,
    body: Bytes,
) -> Response {
    let done = async {
        let action = console.action(&action)?;
        let view = console.view(&named(&cluster, &service)?).await?;
        let service = &view.desired.service;
        let (status, why) = match Sent::read(action, &body) {
            Err(why) => (StatusCode::UNPROCESSABLE_ENTITY, why),
            Ok(sent) if !(action.is_offered)(&view) || sent.stamp != actions::stamp(&view) => (
                StatusCode::CONFLICT,
                "The service has changed since you were asked. Nothing was done; this is what would be done now.".into(),
            ),
            Ok(sent) => {
                let reason = sent.reason.as_deref();
                match (action.carry_out)(&console.landfall, service, reason).await {
                    Ok(()) => return Ok(Redirect::to(&page::address(service)).into_response()),
                    Err(fault) => (StatusCode::BAD_GATEWAY, console.message(fault)),
                }
            }
        };
        Ok(asking(&console, action, &view, status, Some(&why)))
    };
    done.await
        .unwrap_or_else(|problem| console.problem(problem))
}
