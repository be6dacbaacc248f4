//! The operating system and the processor of tasks
//! (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RuntimePlatform.html>).

use super::File;
use crate::service_file::mapping::Problems;

pub(super) fn check(file: &File<'_>, problems: &mut Problems) {
    let Some(platform) = file
        .task
        .as_ref()
        .and_then(|task| task.get("runtimePlatform"))
    else {
        return;
    };
    // "This option is available for tasks that run on Linux Amazon EC2 instance, Amazon ECS Managed Instances, or Linux
    // containers on Fargate."
    if let Some((place, architecture)) = platform.text("cpuArchitecture")
        && architecture == "ARM64"
        && file.is_for_windows()
    {
        problems.add(
            place
                .wrong("ECS runs ARM64 with Linux only, not with Windows")
                .hint("write `cpuArchitecture: X86_64`"),
        );
    }
}
