//! The releases that figures are of: so many of the newest that they can be read while somebody waits.

use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use landfall::{record::Record, service_id::ServiceId};
use landfall_aws::Fault;
use maud::html;

use super::{figures::Figures, page, plot, running::Console, section::Section};
use crate::view::View;

/// How many records are read of one service; of all services together, and of each at least; and of how many services at once.
const OF_ONE: usize = 200;
const OF_ALL: usize = 3000;
const OF_EACH: usize = 5;
const AT_ONCE: usize = 64;

/// What the bounds say of the weeks.
const WEEKS: &str = "in the last twelve weeks; weeks begin on Monday, UTC";

/// The figures of one service.
pub(crate) async fn of_one(console: &Console, service: &ServiceId) -> Result<Vec<Section>, Fault> {
    let view = console.reader.one(service, OF_ONE).await?;
    let records = view.map(|view| view.records).unwrap_or_default();
    let count = records.len();
    let bounds = format!("Of its newest {count} releases, {OF_ONE} at most, {WEEKS}.");
    let crumbs = html! {
        nav.crumbs aria-label="Where this is" {
            a href="/" { "Services" } " / " a href=(page::address(service)) { (service) }
        }
    };
    let crumbs = Section::whole("where", &crumbs);
    Ok(vec![
        crumbs,
        section(&records, &service.to_string(), &bounds),
    ])
}

/// The figures of all services together.
pub(crate) async fn of_all(console: &Console) -> Result<Vec<Section>, Fault> {
    let reader = &console.reader;
    let services = console.landfall.state().services().await?;
    let of_each = (OF_ALL / services.len().max(1)).clamp(OF_EACH, OF_ONE);
    let read = |service| async move { reader.one(&service, of_each).await };
    let views = stream::iter(services).map(read).buffered(AT_ONCE);
    let views: Vec<Option<View>> = views.try_collect().await?;
    let views: Vec<View> = views.into_iter().flatten().collect();
    let count = views.len();
    let records: Vec<Record> = views.into_iter().flat_map(|view| view.records).collect();
    let bounds = format!(
        "Of the newest {} releases of {count} services, {of_each} of each at most, {WEEKS}.",
        records.len()
    );
    Ok(vec![section(&records, "all services", &bounds)])
}

fn section(records: &[Record], of: &str, bounds: &str) -> Section {
    let figures = Figures::of(records, Timestamp::now());
    Section::whole("figures", &plot::figures(&figures, of, bounds))
}
