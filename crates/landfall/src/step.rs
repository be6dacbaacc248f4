//! The steps of a release: what each is given, what it answers, and how it decides. No step knows another one: what two
//! have in common has a module of its own beside this one.

pub mod check_rollout;
pub mod claim_release;
pub mod conclude_release;
pub mod ensure_cluster;
pub mod ensure_discovery;
pub mod ensure_ingress;
pub mod ensure_scaling;
pub mod register_task_definition;
pub mod roll_back;
pub mod run_task;
pub mod update_service;
pub mod verify_health;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{fs, path::Path};

    /// The files of a folder and of those in it, without tests, which may tell the story of several steps.
    fn files(folder: &Path) -> Vec<(String, String)> {
        let entries = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let read = |path: std::path::PathBuf| {
            if path.is_dir() {
                return files(&path);
            }
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            vec![(path.display().to_string(), code.to_owned())]
        };
        let mut all: Vec<_> = entries.flat_map(read).collect();
        all.retain(|(path, _)| !path.ends_with("tests.rs") && !path.contains("/tests/"));
        all
    }

    #[test]
    fn no_step_knows_another_step() {
        let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/step");
        let steps: Vec<_> = include_str!("step.rs")
            .lines()
            .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
            .collect();
        let files = files(&home);
        assert!(steps.len() >= 12 && files.len() >= steps.len());
        for (path, code) in files {
            for step in &steps {
                let of_the_step = [format!("/{step}.rs"), format!("/{step}/")];
                if of_the_step.iter().any(|part| path.contains(part)) {
                    continue;
                }
                let names = [format!("{step}::"), format!("::{step};")];
                let named = names.iter().find(|name| code.contains(*name));
                assert_eq!(named, None, "{path}");
            }
        }
    }
}
