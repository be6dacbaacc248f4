//! Plots, as SVG without a style of its own, with words beside it: what they show is in a table too.

use maud::{Markup, html};

use super::{
    figures::{Figures, WEEKS, Week, percentile},
    page,
};

/// The height of a plot, and the width of a week in it.
const HEIGHT: f64 = 100.0;
const WIDE: f64 = 20.0;

/// The page's plots and its table.
pub(crate) fn figures(figures: &Figures, of: &str, bounds: &str) -> Markup {
    let all = &figures.all;
    let p50 = |times: &[f64]| percentile(times, 50);
    html! {
        h1 { "Figures" small { " of " (of) } }
        @if figures.weeks.is_empty() {
            p.empty { "No release has ended in the last weeks." }
        } @else {
            div.figures {
                (figure("Releases", &all.releases().to_string(), "ended; solid: succeeded, hatched: bad, pale: neither", &bars(figures)))
                (figure("Share that was bad", &all.share_bad().map_or_else(dash, percent), "rolled back or failed, of those that were judged",
                    &lines(figures, &[&|week| week.share_bad()], Some(quarter(figures)))))
                (figure("From push to verified", &p50(&all.to_verified).map_or_else(dash, page::lasted), "the median; dashed: nine of ten are quicker",
                    &lines(figures, &[&|week| p50(&week.to_verified), &|week| percentile(&week.to_verified, 90)], None)))
                (figure("Time to restore", &p50(&all.to_restored).map_or_else(dash, page::lasted), "the median, from the beginning of a bad release until the service is good again",
                    &lines(figures, &[&|week| p50(&week.to_restored)], None)))
            }
            (table(figures))
        }
        p.quiet { (bounds) }
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// The least number of quarters that no week's share of bad releases exceeds.
fn quarter(figures: &Figures) -> f64 {
    let shares = figures
        .weeks
        .iter()
        .filter_map(|(_, week)| week.share_bad());
    (shares.fold(0.0, f64::max) * 4.0).ceil().max(1.0) / 4.0
}

fn dash() -> String {
    "–".into()
}

fn figure(name: &str, value: &str, about: &str, plot: &Markup) -> Markup {
    html! {
        figure {
            figcaption { span.name { (name) } strong.value { (value) } small { (about) } }
            (plot)
        }
    }
}

/// Where a week begins. The last one is at the right, however few there are.
fn left(figures: &Figures, index: usize) -> f64 {
    (WEEKS + index - figures.weeks.len()) as f64 * WIDE
}

fn frame(figures: &Figures, highest: &str, inner: &Markup) -> Markup {
    let wide = WEEKS as f64 * WIDE;
    html! {
        div.plot {
            span.highest { (highest) }
            svg viewBox={ "0 0 " (wide) " " (HEIGHT) } preserveAspectRatio="none" aria-hidden="true" { (inner) }
            div.ends { @for monday in figures.ends().into_iter().flatten() { span { (monday) } } }
        }
    }
}

/// A bar for each week: those that succeeded below, then the bad ones, then the others.
fn bars(figures: &Figures) -> Markup {
    let most = figures.weeks.iter().map(|(_, week)| week.releases()).max();
    let most = most.unwrap_or_default().max(1);
    let high = |count: usize| count as f64 / most as f64 * HEIGHT;
    let inner = html! {
        defs {
            pattern #hatched width="4" height="4" patternUnits="userSpaceOnUse" {
                rect.bad width="4" height="4" {}
                path.gap d="M0 4 L4 0" {}
            }
        }
        @for (index, (monday, week)) in figures.weeks.iter().enumerate() {
            @let left = left(figures, index) + 2.0;
            @let parts = [("good", week.succeeded), ("bad", week.bad), ("other", week.others)];
            @for (number, (class, count)) in parts.iter().enumerate().filter(|(_, (_, count))| *count > 0) {
                @let below: usize = parts[..number].iter().map(|(_, count)| count).sum();
                rect class=(class) x=(left) y=(HEIGHT - high(below + count)) width=(WIDE - 4.0) height=(high(*count)) {
                    title { "week of " (monday) ": " (count) " " (class) }
                }
            }
        }
    };
    frame(figures, &most.to_string(), &inner)
}

/// What a line shows of a week, if there is anything.
type Value<'a> = &'a dyn Fn(&Week) -> Option<f64>;

/// A line for each of the values; the second is dashed. Weeks without a value have no point.
fn lines(figures: &Figures, values: &[Value], highest: Option<f64>) -> Markup {
    let weeks = || figures.weeks.iter().enumerate();
    let all = values
        .iter()
        .flat_map(|value| weeks().filter_map(|(_, (_, week))| value(week)));
    let most = highest.unwrap_or_else(|| all.fold(0.0, f64::max));
    let scale = if most > 0.0 {
        HEIGHT * 0.94 / most
    } else {
        0.0
    };
    let label = match highest {
        Some(share) => percent(share),
        None => page::lasted(most),
    };
    let inner = html! {
        @for (number, value) in values.iter().enumerate() {
            @let points: Vec<_> = weeks().filter_map(|(index, (_, week))| {
                let value = value(week)?;
                Some((left(figures, index) + WIDE / 2.0, HEIGHT * 0.97 - value * scale))
            }).collect();
            @let path: Vec<_> = points.iter().map(|(x, y)| format!("{x},{y:.1}")).collect();
            polyline.line.dashed[number == 1] points=(path.join(" ")) {}
            @for (x, y) in &points {
                // A line of no length is as round as its end, however the plot is stretched.
                line.point x1=(x) y1=(y) x2=(x) y2=(y) {}
            }
        }
    };
    frame(figures, &label, &inner)
}

fn table(figures: &Figures) -> Markup {
    let time = |times: &[f64], percent| percentile(times, percent).map_or_else(dash, page::lasted);
    html! {
        details {
            summary { "In numbers" }
            table.wide.numbers {
                thead {
                    tr {
                        th scope="col" { "Week of" } th.number scope="col" { "Succeeded" } th.number scope="col" { "Bad" }
                        th.number scope="col" { "Others" } th.number scope="col" { "Push to verified, p50" }
                        th.number scope="col" { "p90" } th.number scope="col" { "To restore, p50" }
                    }
                }
                tbody {
                    @for (monday, week) in figures.weeks.iter().rev() {
                        tr {
                            th scope="row" { (monday) }
                            td.number data-name="Succeeded" { (week.succeeded) } td.number data-name="Bad" { (week.bad) }
                            td.number data-name="Others" { (week.others) }
                            td.number data-name="Push to verified, p50" { (time(&week.to_verified, 50)) }
                            td.number data-name="p90" { (time(&week.to_verified, 90)) }
                            td.number data-name="To restore, p50" { (time(&week.to_restored, 50)) }
                        }
                    }
                }
            }
        }
    }
}

/// Two bars, new over old.
pub(crate) fn pair(new: f64, old: f64) -> Markup {
    let most = new.max(old).max(f64::MIN_POSITIVE);
    let wide = |value: f64| value / most * 120.0;
    html! {
        svg.pair aria-hidden="true" width="120" height="16" viewBox="0 0 120 16" {
            rect.new x="0" y="1" width=(wide(new)) height="6" rx="1" {}
            rect.old x="0" y="9" width=(wide(old)) height="6" rx="1" {}
        }
    }
}
