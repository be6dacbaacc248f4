//! Container health checks
//! (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html>).

use super::File;
use crate::service_file::{mapping::Problems, place::Said};

/// Field, least, most. Upper limits have been raised before, so beyond them there is a warning.
const SECONDS: [(&str, i64, i64); 4] = [
    ("interval", 5, 300),
    ("timeout", 2, 60),
    ("retries", 1, 10),
    ("startPeriod", 0, 300),
];

pub(super) fn check(file: &File<'_>, problems: &mut Problems) {
    for container in &file.containers {
        let Some(health) = container.place.get("healthCheck") else {
            continue;
        };
        for (name, least, most) in SECONDS {
            if let Some((place, number)) = health.integer(name) {
                let message = format!("expected a whole number from {least} to {most}");
                if number < least {
                    problems.add(place.wrong(message));
                } else if number > most {
                    problems.add(place.odd(message));
                }
            }
        }
        let command = health.items("command");
        if let Some(place) = command.first()
            && let Said::Text(first) = place.said()
            && !["CMD", "CMD-SHELL", "NONE"].contains(&&*first)
        {
            problems.add(
                place
                    .odd("the first item of a health check's command is CMD or CMD-SHELL, and nothing else")
                    .hint("write `[CMD, /healthcheck]`, or `[CMD-SHELL, \"curl -f http://localhost/ || exit 1\"]`"),
            );
        }
    }
}
