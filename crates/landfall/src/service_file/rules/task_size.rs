//! The sizes of tasks on Fargate
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html>).

use super::File;
use crate::service_file::{
    mapping::Problems,
    place::{Place, Said},
};

const GIB: u64 = 1024;

/// CPU units, and the least, the most and the step of the memory in MiB that goes with them.
const SIZES: [(u64, u64, u64, u64); 7] = [
    (256, 512, 2 * GIB, 512),
    (512, GIB, 4 * GIB, GIB),
    (1024, 2 * GIB, 8 * GIB, GIB),
    (2048, 4 * GIB, 16 * GIB, GIB),
    (4096, 8 * GIB, 30 * GIB, GIB),
    (8192, 16 * GIB, 60 * GIB, 4 * GIB),
    (16_384, 32 * GIB, 120 * GIB, 8 * GIB),
];

pub(super) fn check(file: &File<'_>, problems: &mut Problems) {
    let Some(task) = &file.task else { return };
    unreadable(task, problems);
    if !file.is_for_fargate() {
        return;
    }
    for name in ["cpu", "memory"] {
        if task.says(name) == Said::Nothing {
            problems.add(
                task.lacks(name, format!("Fargate needs the task's {name}"))
                    .hint("write for example `cpu: 256` and `memory: 512`"),
            );
        }
    }
    let Some((place, written)) = task.text("cpu") else {
        return;
    };
    let Some(cpu) = cpu_units(&written) else {
        return;
    };
    let Some((_, least, most, step)) = SIZES.iter().find(|(units, ..)| *units == cpu) else {
        // Larger sizes may be there by now.
        let problem = if cpu > SIZES[6].0 {
            place.odd(format!(
                "{cpu} CPU units are more than the documentation of Fargate knows"
            ))
        } else {
            place.wrong(format!("Fargate has no size of {cpu} CPU units"))
        };
        problems.add(problem.hint("the sizes are 256, 512, 1024, 2048, 4096, 8192 and 16384"));
        return;
    };
    if file.is_for_windows() && !(1024..=4096).contains(&cpu) {
        problems.add(place.wrong("Windows on Fargate takes 1024, 2048 or 4096 CPU units"));
    }
    let Some((place, written)) = task.text("memory") else {
        return;
    };
    let Some(memory) = mebibytes(&written) else {
        return;
    };
    // 256 units go with 512, 1024 and 2048 MiB.
    let there =
        (*least..=*most).contains(&memory) && memory % step == 0 && !(cpu == 256 && memory == 1536);
    if !there {
        let steps = match cpu {
            256 => "512, 1024 or 2048 MiB".into(),
            _ => format!("{least} to {most} MiB in steps of {step}"),
        };
        problems.add(place.wrong(format!(
            "Fargate has no size of {cpu} CPU units with {memory} MiB: with {cpu} go {steps}"
        )));
    }
}

/// "Invalid 'cpu' setting for task." (<https://github.com/oranmoshai/ecsServiceRestart/issues/2>); "It can be expressed as an
/// integer using CPU units […] or as a string using vCPUs", "as an integer using MiB […] or as a string using GB"
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html>).
fn unreadable(task: &Place<'_>, problems: &mut Problems) {
    for (name, unit, hint) in [
        (
            "cpu",
            "vcpu",
            "write CPU units as a whole number, like `256`, or vCPUs like `.25 vCPU`; on EC2 it may be left out",
        ),
        (
            "memory",
            "gb",
            "write MiB as a whole number, like `512`, or GB like `0.5 GB`; on EC2 it may be left out",
        ),
    ] {
        if let Some((place, written)) = task.text(name)
            && !is_size(&written, unit)
        {
            let message = format!("`{written}` is no {name} of a task");
            problems.add(place.wrong(message).hint(hint));
        }
    }
}

/// A whole number, or any number with the unit behind it.
fn is_size(written: &str, unit: &str) -> bool {
    let text = written.trim().to_ascii_lowercase();
    match text.strip_suffix(unit) {
        Some(count) => count
            .trim()
            .parse::<f64>()
            .is_ok_and(|count| count.is_finite() && count > 0.0),
        None => text.parse::<u64>().is_ok(),
    }
}

/// `1024`, `1 vCPU`, `.25 vcpu`
pub(super) fn cpu_units(written: &str) -> Option<u64> {
    let text = written.trim().to_ascii_lowercase();
    match text.strip_suffix("vcpu") {
        Some(count) => scaled(count),
        None => text.parse().ok(),
    }
}

/// `512`, `1GB`, `0.5 gb`
pub(super) fn mebibytes(written: &str) -> Option<u64> {
    let text = written.trim().to_ascii_lowercase();
    match text.strip_suffix("gb") {
        Some(count) => scaled(count),
        None => text.parse().ok(),
    }
}

/// A decimal number times 1024, if that is whole.
fn scaled(count: &str) -> Option<u64> {
    let (integer, fraction) = count.trim().split_once('.').unwrap_or((count.trim(), ""));
    let integer: u64 = if integer.is_empty() {
        0
    } else {
        integer.parse().ok()?
    };
    let digits = u32::try_from(fraction.len())
        .ok()
        .filter(|digits| *digits < 10)?;
    let fraction: u64 = if fraction.is_empty() {
        0
    } else {
        fraction.parse().ok()?
    };
    let parts = 10_u64.pow(digits);
    let scaled = integer
        .checked_mul(1024)?
        .checked_add(fraction * 1024 / parts)?;
    (fraction * 1024).is_multiple_of(parts).then_some(scaled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (written, units) in [
            ("256", Some(256)),
            ("1 vCPU", Some(1024)),
            (".25 vcpu", Some(256)),
            ("0.5vCPU", Some(512)),
            ("16 vCPU", Some(16_384)),
            ("a lot", None),
            ("0.3 vCPU", None),
        ] {
            assert_eq!(cpu_units(written), units, "{written}");
        }
        for (written, size) in [
            ("512", Some(512)),
            ("1GB", Some(1024)),
            ("0.5 gb", Some(512)),
            ("1 MB", None),
        ] {
            assert_eq!(mebibytes(written), size, "{written}");
        }
    }
}
