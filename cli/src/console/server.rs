//! The pages by their addresses.

mod changing;

use std::{convert::Infallible, sync::Arc};

use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRequestParts, Path, RawQuery, State},
    http::{StatusCode, header, request::Parts},
    middleware,
    response::{
        IntoResponse, Redirect, Response,
        sse::{KeepAlive, Sse},
    },
    routing::get,
};
use landfall::{record::Record, service_id::ServiceId};
use landfall_aws::Fault;
use maud::{Markup, html};

use super::{
    actions::{self, Action},
    assets,
    changed::Comparer,
    course::Course,
    guard, overview,
    page::{self, Page},
    release::Ended,
    running::Console,
    shown::{Feed, Topic},
};
use crate::{links, view::View};

/// The largest form, in bytes.
const LARGEST_FORM: usize = 16 * 1024;

type Shared = State<Arc<Console>>;

/// Why a page cannot be shown.
enum Problem {
    /// There is none.
    NotFound(String),
    /// It is of something that may not be done.
    Forbidden,
    /// AWS, or the network on the way.
    Fault(Fault),
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// All pages.
pub(crate) fn router(console: &Arc<Console>) -> Router {
    let guard = console.guard.clone();
    Router::new()
        .route("/", get(services))
        .route("/figures", get(figures_of_all))
        .route("/changes", get(changes_of_all))
        .route("/changes/figures", get(changes_of_figures))
        .route("/changes/{cluster}/{service}", get(changes_of_one))
        .route(
            "/changes/{cluster}/{service}/figures",
            get(changes_of_its_figures),
        )
        .route("/services/{cluster}/{service}", get(service))
        .route("/services/{cluster}/{service}/figures", get(figures_of_one))
        .route(
            "/services/{cluster}/{service}/releases/{number}",
            get(release),
        )
        .route(
            "/services/{cluster}/{service}/actions/{action}",
            get(changing::ask).post(changing::act),
        )
        .route("/assets/{name}", get(asset))
        .fallback(nothing)
        .layer(DefaultBodyLimit::max(LARGEST_FORM))
        // The last layer is asked first, whatever is asked for.
        .layer(middleware::from_fn_with_state(guard, guard::keep))
        .with_state(console.clone())
}

impl Console {
    fn where_it_is(&self) -> String {
        let region = self.landfall.config.region();
        let region = region.map_or("an unknown Region", |region| region.as_ref());
        if self.landfall.is_here {
            "on this machine".into()
        } else {
            region.into()
        }
    }

    fn page(&self, title: &str, part: &str, main: &Markup) -> Markup {
        let landfall = self.where_it_is();
        let page = Page {
            title,
            part,
            landfall: &landfall,
            changes: None,
        };
        page.around(main)
    }

    /// A failed call, and what to do about it.
    fn message(&self, fault: Fault) -> String {
        let report = self.landfall.report(fault);
        match report.help() {
            Some(help) => format!("{report}: {help}."),
            None => format!("{report}."),
        }
    }

    fn problem(&self, problem: Problem) -> Response {
        let (status, why) = match problem {
            Problem::NotFound(what) => (StatusCode::NOT_FOUND, what),
            Problem::Forbidden => {
                let why = "This console only shows: start it with --allow-changes to change something by it.";
                (StatusCode::FORBIDDEN, why.into())
            }
            Problem::Fault(fault) => (StatusCode::BAD_GATEWAY, self.message(fault)),
        };
        let main = html! { h1 { "This cannot be shown" } p.notice role="alert" { (why) } p { a href="/" { "All services" } } };
        (status, document(&self.page("Not shown", "", &main))).into_response()
    }

    /// A page that changes by itself.
    async fn living(
        self: &Arc<Self>,
        topic: Topic,
        title: &str,
        part: &str,
        above: &Markup,
    ) -> Response {
        let shown = Feed::now(self, topic.clone()).await;
        let landfall = self.where_it_is();
        let page = Page {
            title,
            part,
            landfall: &landfall,
            changes: Some((topic.address(), shown.version)),
        };
        let main = html! {
            (above)
            div #sections {
                @if shown.version == 0 { p.empty #reading { "Reading …" } }
                (page::elements(&shown.sections))
            }
        };
        document(&page.around(&main)).into_response()
    }

    async fn view(&self, service: &ServiceId) -> Result<View, Problem> {
        let view = self.reader.last(service).await?;
        view.ok_or_else(|| {
            Problem::NotFound(format!("No service file has described {service} yet."))
        })
    }

    /// The action of a name, for whom may carry it out.
    fn action(&self, name: &str) -> Result<&'static Action, Problem> {
        if !self.guard.allows_changes {
            return Err(Problem::Forbidden);
        }
        let missing = || Problem::NotFound("There is no such action.".into());
        actions::named(name).ok_or_else(missing)
    }
}

fn document(page: &Markup) -> impl IntoResponse + use<> {
    (
        [(header::CONTENT_TYPE, "text/html; charset=utf-8")],
        page.0.clone(),
    )
}

/// A field of a query.
fn field(query: Option<&str>, name: &str) -> Option<String> {
    let fields: Vec<(String, String)> = serde_urlencoded::from_str(query?).ok()?;
    let mut fields = fields.into_iter();
    fields
        .find(|(known, _)| known == name)
        .map(|(_, value)| value)
}

fn named(cluster: &str, service: &str) -> Result<ServiceId, Problem> {
    ServiceId::new(cluster, service).map_err(|refusal| Problem::NotFound(format!("{refusal}.")))
}

/// The service that an address names.
struct Named(ServiceId);

impl FromRequestParts<Arc<Console>> for Named {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        console: &Arc<Console>,
    ) -> Result<Self, Response> {
        let path = Path::<(String, String)>::from_request_parts(parts, console).await;
        let Path((cluster, service)) = path.map_err(IntoResponse::into_response)?;
        let named = named(&cluster, &service);
        named.map(Self).map_err(|problem| console.problem(problem))
    }
}

/// What a page was sent last; 0 if nothing.
struct Since(u64);

impl<S: Sync> FromRequestParts<S> for Since {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        // A browser that lost the connection says itself what it was sent last.
        let last = parts.headers.get("last-event-id");
        let last = last.and_then(|last| last.to_str().ok());
        let since = last
            .map(str::to_owned)
            .or_else(|| field(parts.uri.query(), "since"));
        Ok(Self(
            since.and_then(|since| since.parse().ok()).unwrap_or(0),
        ))
    }
}

async fn services(State(console): Shared, RawQuery(query): RawQuery) -> Response {
    let text = field(query.as_deref(), "q").unwrap_or_default();
    let needs_only = field(query.as_deref(), "needs").is_some();
    let above = overview::search(&text, needs_only);
    console.living(Topic::All, "Services", "/", &above).await
}

async fn service(State(console): Shared, Named(service): Named) -> Response {
    let title = service.to_string();
    console
        .living(Topic::Service(service), &title, "", &html! {})
        .await
}

fn changes(console: &Arc<Console>, topic: Topic, since: u64) -> Response {
    Sse::new(Feed::changes(console, topic, since))
        .keep_alive(KeepAlive::default())
        .into_response()
}

async fn changes_of_all(State(console): Shared, Since(since): Since) -> Response {
    changes(&console, Topic::All, since)
}

async fn changes_of_one(
    State(console): Shared,
    Named(service): Named,
    Since(since): Since,
) -> Response {
    changes(&console, Topic::Service(service), since)
}

async fn changes_of_figures(State(console): Shared, Since(since): Since) -> Response {
    changes(&console, Topic::Figures(None), since)
}

async fn changes_of_its_figures(
    State(console): Shared,
    Named(service): Named,
    Since(since): Since,
) -> Response {
    changes(&console, Topic::Figures(Some(service)), since)
}

async fn figures_of_all(State(console): Shared) -> Response {
    let topic = Topic::Figures(None);
    console
        .living(topic, "Figures", "/figures", &html! {})
        .await
}

async fn figures_of_one(State(console): Shared, Named(service): Named) -> Response {
    let title = format!("Figures of {service}");
    let topic = Topic::Figures(Some(service));
    console.living(topic, &title, "", &html! {}).await
}

async fn release(
    State(console): Shared,
    Path((cluster, service, number)): Path<(String, String, String)>,
) -> Response {
    let found = async {
        let service = named(&cluster, &service)?;
        let none = || Problem::NotFound(format!("There is no release {number} of {service}."));
        let number: u64 = number.parse().map_err(|_| none())?;
        let Some((record, before)) = console.reader.release(&service, number).await? else {
            let view = console.view(&service).await?;
            let mut open = view.desired.open.iter();
            return if open.any(|release| release.number == number) {
                Ok(Redirect::to(&page::address(&service)).into_response())
            } else {
                Err(none())
            };
        };
        let content = &record.release.content;
        let changed = Comparer::default()
            .compare(&console.reader, before.as_ref(), content)
            .await?;
        let course_before = match &before {
            Some(before) => course(&console, before).await,
            None => None,
        };
        let pages = links::pages(&console.landfall, &console.reader, &record).await;
        let ended = Ended {
            course: course(&console, &record).await,
            course_before,
            record,
            before,
            changed,
            newest: console.view(&service).await?.desired.last_number,
            pages,
        };
        let title = format!("{service} release {number}");
        Ok(document(&console.page(&title, "", &ended.element())).into_response())
    };
    found
        .await
        .unwrap_or_else(|problem| console.problem(problem))
}

/// The course of a release. Who may not read its execution, or comes too late, sees the rest.
async fn course(console: &Console, record: &Record) -> Option<Course> {
    let execution = record.execution.as_deref()?;
    let executions = console.landfall.executions();
    let events = executions.events(execution, 0).await.ok()??;
    let course = Course::until(&events, record.timeline.concluded_at);
    (!course.stages.is_empty()).then_some(course)
}

async fn asset(Path(name): Path<String>) -> Response {
    assets::serve(&name)
}

async fn nothing(State(console): Shared) -> Response {
    console.problem(Problem::NotFound("There is no such page.".into()))
}
