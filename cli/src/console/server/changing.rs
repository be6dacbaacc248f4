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
    },
    Console, Shared, document, named,
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
    let problem = match (action.is_offered)(view) {
        true => problem,
        false => Some("The service has changed meanwhile: there is nothing to do this about now."),
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
        let sent = match Sent::read(action, &body) {
            Ok(sent) => sent,
            Err(why) => {
                return Ok(asking(
                    &console,
                    action,
                    &view,
                    StatusCode::UNPROCESSABLE_ENTITY,
                    Some(&why),
                ));
            }
        };
        if !(action.is_offered)(&view) || sent.stamp != actions::stamp(&view) {
            let why = "The service has changed since you were asked. Nothing was done; this is what would be done now.";
            return Ok(asking(
                &console,
                action,
                &view,
                StatusCode::CONFLICT,
                Some(why),
            ));
        }
        let service = &view.desired.service;
        (action.carry_out)(&console.landfall, service, sent.reason.as_deref()).await?;
        Ok(Redirect::to(&page::address(service)).into_response())
    };
    done.await
        .unwrap_or_else(|problem| console.problem(problem))
}
