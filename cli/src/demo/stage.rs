//! What all chapters share: the cloud, the client that asks all the time, and what can be waited for.

use std::time::Instant;

use landfall::{
    record::{Record, Verdict},
    service_id::ServiceId,
    status::FileStatus,
};
use landfall_aws::{ecs::Ecs, status_file::StatusFile};
use landfall_local::{
    driver::Driver,
    free_port::free_port,
    local::{Local, REGION},
};
use miette::{IntoDiagnostic, Result, WrapErr, ensure, miette};

use super::{
    application::Application, narrator::Narrator, report::Requests, traffic::Traffic, watch,
};
use crate::clients::{Clients, report};

/// Where the service file is put.
pub(super) const KEY: &str = "services/hello.yaml";
/// The repository that it follows; the load balancer has the same name.
pub(super) const REPOSITORY: &str = "hello";

/// Everything that the chapters share.
pub(crate) struct Stage<'a> {
    pub(super) local: &'a Local,
    pub(super) driver: Driver,
    pub(super) clients: &'a Clients,
    pub(super) ecs: Ecs,
    pub(super) application: &'a Application,
    pub(super) narrator: &'a Narrator,
    pub(super) service: ServiceId,
    pub(super) service_file: String,
    pub(super) url: String,
    pub(super) traffic: Option<Traffic>,
}

impl<'a> Stage<'a> {
    /// What is there before the story: a load balancer and a repository.
    pub(crate) async fn set(
        local: &'a Local,
        clients: &'a Clients,
        application: &'a Application,
        narrator: &'a Narrator,
    ) -> Result<Self> {
        let port = free_port().into_diagnostic()?;
        let target_group = clients
            .elb
            .create_web_balancer(REPOSITORY, port.into())
            .await
            .map_err(report)?;
        let driver = Driver::new(local.cloud.clone());
        driver.ensure_repository(REPOSITORY).await;
        let service = ServiceId::new("web", "hello").into_diagnostic()?;
        Ok(Self {
            local,
            driver,
            clients,
            ecs: Ecs::new(&landfall_aws::config::local(local.endpoint(), REGION).await),
            application,
            narrator,
            service,
            service_file: application.service_file(&target_group),
            url: format!("http://127.0.0.1:{port}/"),
            traffic: None,
        })
    }

    /// Stops the client, and says what it got.
    pub(crate) async fn close(self) -> Requests {
        match self.traffic {
            Some(traffic) => traffic.stop().await,
            None => Requests::default(),
        }
    }

    pub(super) async fn put_file(&self, text: &str) -> Result<()> {
        self.driver.put_file(KEY, text).await.into_diagnostic()
    }

    pub(super) async fn push(&self, tag: &str, greeting: Option<&str>) -> Result<()> {
        let version = self.application.version(tag, greeting)?;
        let manifest = crate::local::manifest(&version.folder, &version.command)?;
        let pushed = self.driver.push(REPOSITORY, tag, &manifest).await;
        let digest = pushed.into_diagnostic()?;
        self.narrator.say(&format!(
            "{REPOSITORY}:{tag} pushed ({})",
            &digest[..digest.len().min(19)]
        ));
        Ok(())
    }

    pub(super) async fn status(&self, wanted: impl Fn(&FileStatus) -> bool) -> Result<FileStatus> {
        let object = StatusFile::of(&self.clients.files, KEY);
        watch::until("the answer to the service file", || async {
            let status = object.read().await.map_err(report)?;
            Ok(status.filter(|status| wanted(status)))
        })
        .await
    }

    pub(super) async fn verdict(&self, number: u64, wanted: Verdict) -> Result<Record> {
        let record = watch::record(
            self.clients,
            &self.ecs,
            self.narrator,
            &self.service,
            number,
        )
        .await?;
        let took = record
            .timeline
            .concluded_at
            .duration_since(record.timeline.created_at)
            .as_secs_f64();
        self.narrator.say(&format!(
            "release {number} {} after {took:.1}s ({})",
            record.verdict, record.release.cause
        ));
        ensure!(
            record.verdict == wanted,
            "release {number} {}: {}",
            record.verdict,
            record.reason
        );
        Ok(record)
    }

    /// Waits until every release has its verdict and nobody holds the claim; answers the newest release's number.
    pub(super) async fn settled(&self, since: Instant) -> Result<u64> {
        watch::until("the end of all releases", || async {
            let desired = self.clients.state.read(&self.service).await;
            let desired = desired.map_err(report)?;
            self.narrator
                .waiting(&format!("release {} is on its way", desired.last_number));
            let running = self
                .driver
                .executions(&self.local.state_machine, Some("RUNNING"));
            let running = running.await.into_diagnostic()?;
            let idle = desired.open.is_empty() && desired.claim.is_none() && running.is_empty();
            Ok(
                (idle && desired.last_number > 3 && since.elapsed().as_millis() > 500)
                    .then_some(desired.last_number),
            )
        })
        .await
    }

    pub(super) async fn records(&self) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        for number in self
            .clients
            .state
            .record_numbers(&self.service)
            .await
            .map_err(report)?
        {
            records.extend(
                self.clients
                    .state
                    .record(&self.service, number)
                    .await
                    .map_err(report)?,
            );
        }
        Ok(records)
    }

    /// The numbers of the releases whose verdicts were announced by events.
    pub(super) fn announced_verdicts(&self) -> Vec<u64> {
        let events = self.local.cloud.events.recent_events();
        let concluded = events
            .iter()
            .filter(|event| event["detail-type"] == landfall_aws::events::RELEASE_CONCLUDED);
        concluded
            .filter_map(|event| event["detail"]["release"]["number"].as_u64())
            .collect()
    }

    pub(super) fn traffic(&self) -> Result<&Traffic> {
        self.traffic
            .as_ref()
            .ok_or_else(|| miette!("no client asks"))
    }

    pub(super) fn requests(&self) -> Result<Requests> {
        Ok(self.traffic()?.requests())
    }

    /// Waits until a moment's answers are all `greeting`.
    pub(super) async fn answers_only(&self, greeting: &str) -> Result<()> {
        let traffic = self.traffic()?;
        watch::until(&format!("the answer `{greeting}`"), || async {
            traffic.mark();
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            Ok((traffic.answers() == [greeting]).then_some(()))
        })
        .await
        .wrap_err_with(|| format!("the last answers were {:?}", traffic.answers()))
    }
}
