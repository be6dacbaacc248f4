//! What happens in each chapter, and what has to be true at its end.

use std::time::Instant;

use landfall::{record::Verdict, status::FileStatus};
use landfall_local::local::CONFIG_BUCKET;
use miette::{IntoDiagnostic, Result, bail, ensure, miette};
use serde_json::{Map, Value, json};

use super::{
    stage::{KEY, REPOSITORY, Stage},
    traffic::{self, Traffic},
    watch,
};
use crate::clients::report;

type Facts = Result<Map<String, Value>>;

impl Stage<'_> {
    /// Plays a chapter.
    pub(crate) async fn play(&mut self, number: usize) -> Facts {
        match number {
            0 => self.first_release().await,
            1 => self.new_image().await,
            2 => self.broken_image().await,
            3 => self.two_pushes().await,
            _ => self.invalid_file().await,
        }
    }

    async fn first_release(&mut self) -> Facts {
        self.put_file(&self.service_file).await?;
        self.narrator.say(&format!(
            "examples/flask-hello/hello.yaml → s3://{CONFIG_BUCKET}/{KEY}"
        ));
        let status = self
            .status(|status| matches!(status, FileStatus::Accepted { .. }))
            .await?;
        self.narrator
            .say(&format!("accepted: {}", message(&status)));
        self.push("1.0.0", Some("Hello, World!")).await?;
        let record = self.verdict(1, Verdict::Succeeded).await?;
        let running = self
            .ecs
            .running_tasks(&self.service)
            .await
            .map_err(report)?
            .len();
        self.narrator.say(&format!("cluster web, task definition hello:1 and service web/hello created; {running} tasks run"));
        let body = traffic::get(&self.url)
            .await
            .map_err(|failure| miette!("{} {failure}", self.url))?;
        self.narrator.say(&format!("GET {} → {body}", self.url));
        ensure!(
            body == "Hello, World!",
            "the load balancer answered `{body}`"
        );
        Ok(facts(
            json!({ "release": record.release.number, "tasks": running, "url": self.url, "body": body }),
        ))
    }

    async fn new_image(&mut self) -> Facts {
        let url = self.url.clone();
        let traffic = self.traffic.insert(Traffic::start(&url));
        traffic.mark();
        let greeting = "Hello, World! This is 1.1.0.";
        self.push("1.1.0", Some(greeting)).await?;
        let record = self.verdict(2, Verdict::Succeeded).await?;
        self.answers_only(greeting).await?;
        let requests = self.requests()?;
        self.narrator.say(&format!("GET {} → {greeting}", self.url));
        self.narrator.say(&format!(
            "{} requests meanwhile, {} failed",
            requests.sent, requests.failed
        ));
        ensure!(
            requests.failed == 0,
            "{} requests failed: {}",
            requests.failed,
            requests.failures.join("; ")
        );
        Ok(facts(
            json!({ "release": record.release.number, "body": greeting, "requests": requests }),
        ))
    }

    async fn broken_image(&mut self) -> Facts {
        self.traffic()?.mark();
        self.push("1.2.0", None).await?;
        let record = self.verdict(3, Verdict::RolledBack).await?;
        let Some(diagnosis) = &record.diagnosis else {
            bail!("the record has no diagnosis")
        };
        let Some(task) = diagnosis.stopped_tasks.first() else {
            bail!("the diagnosis has no stopped task")
        };
        self.narrator.say(&format!("because: {}", record.reason));
        let exits: Vec<_> = task
            .containers
            .iter()
            .map(|container| {
                let code = container
                    .exit_code
                    .map_or("no exit code".into(), |code| format!("exit code {code}"));
                format!("container {}: {code}", container.name)
            })
            .collect();
        self.narrator.say(&format!(
            "a stopped task: {} ({})",
            task.reason,
            exits.join(", ")
        ));
        let telling = |event: &&String| event.contains("roll") || event.contains("fail");
        let events = &diagnosis.service_events;
        if let Some(event) = events.iter().find(telling).or(events.first()) {
            self.narrator.say(&format!("a service event: {event}"));
        }
        self.narrator.say(&format!("so {}", diagnosis.undone));
        let answers = self.traffic()?.answers();
        let requests = self.requests()?;
        ensure!(
            answers == ["Hello, World! This is 1.1.0."],
            "other answers came meanwhile: {answers:?}"
        );
        ensure!(
            requests.failed == 0,
            "{} requests failed: {}",
            requests.failed,
            requests.failures.join("; ")
        );
        self.narrator.say("1.1.0 answered every request meanwhile");
        Ok(facts(json!({
            "release": record.release.number,
            "releaseVerdict": record.verdict,
            "reason": record.reason,
            "diagnosis": diagnosis,
        })))
    }

    async fn two_pushes(&mut self) -> Facts {
        const FUNCTION: &str = "image-pushed";
        self.local.courier.hold(FUNCTION);
        let begun = Instant::now();
        let newest = "Hello, World! This is 1.4.0.";
        let versions = [
            self.application
                .version("1.3.0", Some("Hello, World! This is 1.3.0."))?,
            self.application.version("1.4.0", Some(newest))?,
        ];
        let manifests = versions
            .iter()
            .map(|version| crate::local::manifest(&version.folder, &version.command));
        let manifests = manifests.collect::<Result<Vec<_>>>()?;
        let pushing = Instant::now();
        for (tag, manifest) in ["1.3.0", "1.4.0"].iter().zip(&manifests) {
            let pushed = self.driver.push(REPOSITORY, tag, manifest).await;
            pushed.into_diagnostic()?;
        }
        let apart = pushing.elapsed().as_millis();
        self.narrator
            .say(&format!("1.3.0 and 1.4.0 pushed within {apart} ms"));
        watch::until("the arrival of both events", || async {
            Ok((self.local.courier.holds(FUNCTION) >= 2).then_some(()))
        })
        .await?;
        let [first, second] = <[Value; 2]>::try_from(self.local.courier.release(FUNCTION))
            .map_err(|pile| miette!("{} events came instead of two", pile.len()))?;
        for event in [second.clone(), first, second] {
            self.local.courier.carry(FUNCTION, event);
        }
        self.narrator
            .say("their events are delivered: 1.4.0, 1.3.0, and 1.4.0 again");
        let last = self.settled(begun).await?;
        self.answers_only(newest).await?;
        let records = self.records().await?;
        let announced = self.announced_verdicts();
        for record in &records {
            let times = announced
                .iter()
                .filter(|number| **number == record.release.number)
                .count();
            ensure!(
                times == 1,
                "release {} got {times} verdicts",
                record.release.number
            );
        }
        let verdicts: Vec<_> = records
            .iter()
            .map(|record| json!({ "release": record.release.number, "verdict": record.verdict }))
            .collect();
        self.narrator.say(&format!("GET {} → {newest}", self.url));
        let list: Vec<_> = records
            .iter()
            .map(|record| format!("{} {}", record.release.number, record.verdict))
            .collect();
        self.narrator.say(&format!(
            "one verdict for each release: {}",
            list.join(", ")
        ));
        Ok(facts(
            json!({ "release": last, "pushedWithinMilliseconds": apart, "body": newest, "verdicts": verdicts }),
        ))
    }

    async fn invalid_file(&mut self) -> Facts {
        let before = self
            .clients
            .state
            .read(&self.service)
            .await
            .map_err(report)?;
        let broken = self.service_file.replacen("  web:  ", "  wbe:  ", 1);
        ensure!(
            broken != self.service_file,
            "the example's service file has no container `web` to misspell"
        );
        self.put_file(&broken).await?;
        let status = self
            .status(|status| matches!(status, FileStatus::Rejected { .. }))
            .await?;
        let FileStatus::Rejected {
            problems, message, ..
        } = &status
        else {
            bail!("the file was accepted")
        };
        self.narrator.say(&format!("rejected:\n{message}"));
        let problem = problems
            .first()
            .ok_or_else(|| miette!("the rejection names no problem"))?;
        let line = self
            .service_file
            .lines()
            .position(|line| line.starts_with("  web:  "))
            .map_or(0, |at| at as u64 + 1);
        ensure!(
            problem.position.line == line,
            "the problem is in line {line}, not {}",
            problem.position.line
        );
        ensure!(problem.hint.is_some(), "the rejection gives no hint");
        let after = self
            .clients
            .state
            .read(&self.service)
            .await
            .map_err(report)?;
        ensure!(before == after, "the desired state changed");
        self.narrator.say("the service runs on, unchanged");
        Ok(facts(json!({ "message": message, "problems": problems })))
    }
}

fn message(status: &FileStatus) -> &str {
    match status {
        FileStatus::Accepted { message, .. } | FileStatus::Rejected { message, .. } => message,
    }
}

fn facts(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(facts) => facts,
        _ => Map::new(),
    }
}
