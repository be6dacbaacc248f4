//! How often a service's metrics are taken
//! (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_MetricConfiguration.html>).

use super::File;
use crate::service_file::{mapping::Problems, place::Said};

pub(super) fn check(file: &File<'_>, problems: &mut Problems) {
    let Some(monitoring) = file
        .service
        .as_ref()
        .and_then(|service| service.get("monitoring"))
    else {
        return;
    };
    for configuration in monitoring.items("metricConfigurations") {
        // "The valid values are 20 and 60."
        if let Some((place, seconds)) = configuration.integer("resolutionSeconds")
            && ![20, 60].contains(&seconds)
        {
            problems.add(place.wrong(format!(
                "ECS takes metrics every 20 or 60 seconds, not every {seconds}"
            )));
        }
        // "The supported metric names are CPUUtilization and MemoryUtilization." Others may have come.
        for place in configuration.items("metricNames") {
            if let Said::Text(name) = place.said()
                && !["CPUUtilization", "MemoryUtilization"].contains(&&*name)
            {
                problems.add(
                    place
                        .odd(format!(
                            "`{name}` is none of the metrics that AWS documents here"
                        ))
                        .hint("they are CPUUtilization and MemoryUtilization"),
                );
            }
        }
    }
}
