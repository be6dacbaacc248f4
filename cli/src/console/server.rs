//! The pages by their addresses.

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    middleware,
    response::{
        IntoResponse, Redirect, Response,
        sse::{KeepAlive, Sse},
    },
    routing::get,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use landfall::service_id::ServiceId;
use landfall_aws::Fault;
use maud::{Markup, html};

use super::{
    actions::{self, Action, Sent},
    assets,
    changed::Comparer,
    course::Course,
    feed::{Feed, Topic},
    figures::Figures,
    guard::{self, Guard},
    overview,
    page::{self, Page},
    plot,
    release::Ended,
};
use crate::{
    view::{Reader, View},
    which::Landfall,
};

/// The largest form, in bytes.
const LARGEST_FORM: usize = 16 * 1024;

/// How many records are read for the figures of all services, of how many services at once, and how many of each service.
const MOST_RECORDS: usize = 3000;
const AT_ONCE: usize = 16;
const OF_ONE: usize = 200;
const LEAST_OF_EACH: usize = 5;

/// A console that runs.
pub(crate) struct Console {
    pub(crate) landfall: Landfall,
    pub(crate) reader: Reader,
    pub(crate) guard: Guard,
    pub(crate) feed: Feed,
}

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
        .route("/changes/{cluster}/{service}", get(changes_of_one))
        .route("/services/{cluster}/{service}", get(service))
        .route("/services/{cluster}/{service}/figures", get(figures_of_one))
        .route(
            "/services/{cluster}/{service}/releases/{number}",
            get(release),
        )
        .route(
            "/services/{cluster}/{service}/actions/{action}",
            get(ask).post(act),
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
        match self.landfall.is_here {
            true => "on this machine".into(),
            false => region.into(),
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

    fn problem(&self, problem: Problem) -> Response {
        let (status, why) = match problem {
            Problem::NotFound(what) => (StatusCode::NOT_FOUND, what),
            Problem::Forbidden => {
                let why = "This console only shows: start it with --allow-changes to change something by it.";
                (StatusCode::FORBIDDEN, why.into())
            }
            Problem::Fault(fault) => {
                let report = self.landfall.report(fault);
                let help = report
                    .help()
                    .map(|help| format!(" {help}."))
                    .unwrap_or_default();
                (StatusCode::BAD_GATEWAY, format!("{report}.{help}"))
            }
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

async fn services(State(console): Shared, RawQuery(query): RawQuery) -> Response {
    let text = field(query.as_deref(), "q").unwrap_or_default();
    let needs_only = field(query.as_deref(), "needs").is_some();
    let above = overview::search(&text, needs_only);
    console.living(Topic::All, "Services", "/", &above).await
}

async fn service(
    State(console): Shared,
    Path((cluster, service)): Path<(String, String)>,
) -> Response {
    match named(&cluster, &service) {
        Ok(service) => {
            let title = service.to_string();
            console
                .living(Topic::Service(service), &title, "", &html! {})
                .await
        }
        Err(problem) => console.problem(problem),
    }
}

fn changes(
    console: &Arc<Console>,
    topic: Topic,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Response {
    // A browser that lost the connection says itself what it was sent last.
    let last = headers
        .get("last-event-id")
        .and_then(|last| last.to_str().ok());
    let since = last.map(str::to_owned).or_else(|| field(query, "since"));
    let since = since.and_then(|since| since.parse().ok()).unwrap_or(0);
    Sse::new(Feed::changes(console, topic, since))
        .keep_alive(KeepAlive::default())
        .into_response()
}

async fn changes_of_all(
    State(console): Shared,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    changes(&console, Topic::All, query.as_deref(), &headers)
}

async fn changes_of_one(
    State(console): Shared,
    Path((cluster, service)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    match named(&cluster, &service) {
        Ok(service) => changes(
            &console,
            Topic::Service(service),
            query.as_deref(),
            &headers,
        ),
        Err(problem) => console.problem(problem),
    }
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
            return match open.any(|release| release.number == number) {
                true => Ok(Redirect::to(&page::address(&service)).into_response()),
                false => Err(none()),
            };
        };
        let content = &record.release.content;
        let changed = Comparer::default()
            .compare(&console.reader, before.as_ref(), content)
            .await?;
        let ended = Ended {
            course: course(
                &console,
                record.execution.as_deref(),
                record.timeline.concluded_at,
            )
            .await,
            record,
            before,
            changed,
            newest: console.view(&service).await?.desired.last_number,
            has_pages: !console.landfall.is_here,
        };
        let title = format!("{service} release {number}");
        Ok(document(&console.page(&title, "", &ended.element())).into_response())
    };
    found
        .await
        .unwrap_or_else(|problem| console.problem(problem))
}

/// The course of an execution. Who may not read it, or comes too late, sees the rest.
async fn course(console: &Console, execution: Option<&str>, until: Timestamp) -> Option<Course> {
    let events = console
        .landfall
        .executions()
        .events(execution?, 0)
        .await
        .ok()??;
    let course = Course::until(&events, until);
    (!course.stages.is_empty()).then_some(course)
}

async fn figures_of_one(
    State(console): Shared,
    Path((cluster, service)): Path<(String, String)>,
) -> Response {
    let found = async {
        let service = named(&cluster, &service)?;
        let view = console.reader.one(&service, OF_ONE).await?;
        let view = view.ok_or_else(|| {
            Problem::NotFound(format!("No service file has described {service} yet."))
        })?;
        let figures = Figures::of(&view.records, Timestamp::now());
        let bounds = format!(
            "Of its newest {} releases, {OF_ONE} at most, in the last twelve weeks; weeks begin on Monday, UTC.",
            figures.records
        );
        let main = html! {
            nav.crumbs aria-label="Where this is" { a href="/" { "Services" } " / " a href=(page::address(&service)) { (service) } }
            (plot::figures(&figures, &service.to_string(), &bounds))
        };
        Ok::<_, Problem>(
            document(&console.page(&format!("Figures of {service}"), "", &main)).into_response(),
        )
    };
    found
        .await
        .unwrap_or_else(|problem| console.problem(problem))
}

async fn figures_of_all(State(console): Shared) -> Response {
    let found = async {
        let reader = &console.reader;
        let services = console.landfall.state().services().await?;
        let of_each = (MOST_RECORDS / services.len().max(1)).clamp(LEAST_OF_EACH, OF_ONE);
        let read = |service| async move { reader.one(&service, of_each).await };
        let views = stream::iter(services).map(read).buffered(AT_ONCE);
        let views: Vec<Option<View>> = views.try_collect().await?;
        let views: Vec<View> = views.into_iter().flatten().collect();
        let count = views.len();
        let records: Vec<_> = views.into_iter().flat_map(|view| view.records).collect();
        let figures = Figures::of(&records, Timestamp::now());
        let bounds = format!(
            "Of the newest {} releases of {count} services, {of_each} of each at most, in the last twelve weeks; weeks begin on Monday, UTC.",
            figures.records
        );
        let main = plot::figures(&figures, "all services", &bounds);
        Ok::<_, Problem>(document(&console.page("Figures", "/figures", &main)).into_response())
    };
    found
        .await
        .unwrap_or_else(|problem| console.problem(problem))
}

async fn ask(
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

async fn act(
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

async fn asset(Path(name): Path<String>) -> Response {
    assets::serve(&name)
}

async fn nothing(State(console): Shared) -> Response {
    console.problem(Problem::NotFound("There is no such page.".into()))
}
