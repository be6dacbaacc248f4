//! A scenario made ready: its service files, images and revisions, and what ECR says of them.

use landfall::{
    content::ContentHash,
    desired::{DesiredState, FollowedFile},
    follow::FollowRule,
    image::Image,
    protocol::{Guards, follow::Accepted},
    record::{Ending, Record, Release, TaskDefinition},
    service_file::ServiceFile,
    service_id::ServiceId,
    step::{claim_release, register_task_definition::render},
    versioned::Versioned,
};

use crate::{
    clock::THEN,
    ecs::{SECTION, revision},
    machine::Machine,
    scenario::{Guard, Scenario},
    shelf::Shelf,
    state::State,
};

pub(crate) const CONTAINER: &str = "web";
const REPOSITORY: &str = "hello";
pub(crate) const KEY: &str = "services/hello.yaml";

/// A scenario, ready to be checked.
pub struct Protocol {
    pub(crate) scenario: Scenario,
    pub(crate) service: ServiceId,
    pub(crate) files: Vec<(ContentHash, ServiceFile)>,
    pub(crate) accepted: Vec<Versioned<Accepted>>,
    pub(crate) images: Vec<Image>,
    pub(crate) definitions: Vec<TaskDefinition>,
    pub(crate) desired: Shelf<DesiredState>,
    pub(crate) claims: Shelf<claim_release::Output>,
    pub(crate) endings: Shelf<Ending>,
    pub(crate) records: Shelf<Record>,
    pub(crate) machine: Machine,
}

impl Protocol {
    /// The model of `scenario`.
    ///
    /// # Panics
    /// If the scenario has a tag policy that does not parse.
    pub fn new(scenario: Scenario) -> Self {
        let files: Vec<_> = (0..)
            .zip(&scenario.files)
            .map(|(version, policy)| file(version, policy))
            .collect();
        let images: Vec<_> = (0..)
            .zip(&scenario.images)
            .map(|(number, pushed)| image(number, pushed.tag))
            .collect();
        let service = files[0].1.service_id().expect("the file names a service");
        let mut protocol = Self {
            scenario,
            service,
            files,
            accepted: Vec::new(),
            images,
            definitions: Vec::new(),
            desired: Shelf::default(),
            claims: Shelf::default(),
            endings: Shelf::default(),
            records: Shelf::default(),
            machine: Machine::installed(),
        };
        protocol.definitions = (0..protocol.images.len())
            .map(|image| protocol.definition(image))
            .collect();
        protocol.accepted = (0..protocol.files.len())
            .map(|file| protocol.accepted(file))
            .collect();
        protocol
    }

    /// The revision that is registered for an image. Its content does not depend on the version of the file, in which
    /// only the `service` section differs.
    fn definition(&self, image: usize) -> TaskDefinition {
        let mut desired = DesiredState::new(self.service.clone());
        let found = [(CONTAINER.to_owned(), Some(self.images[image].clone()))];
        desired.follow_file(self.followed(0), found.into(), THEN);
        let release = desired
            .newest_open()
            .expect("a file and an image make a release");
        let registration = render(&self.files[0].1, release, &self.service)
            .expect("the release has the file's image");
        TaskDefinition {
            arn: revision(image),
            content: registration.content,
        }
    }

    /// The version of the service file as `config-changed` reads it.
    fn accepted(&self, file: usize) -> Versioned<Accepted> {
        let followed = self.followed(file);
        let version = followed.version_id.clone();
        let accepted = Accepted {
            service: self.service.clone(),
            file: followed,
            warnings: Vec::new(),
        };
        Versioned::new(accepted, &version)
    }

    /// The version of the service file as the desired state has it.
    pub(crate) fn followed(&self, file: usize) -> FollowedFile {
        let (content, document) = &self.files[file];
        FollowedFile {
            placeholders: None,
            key: KEY.into(),
            version_id: file.to_string(),
            content: content.clone(),
            containers: Some(document.containers()),
            follows: document.images.clone(),
        }
    }

    /// Which version of the service file has this content.
    pub(crate) fn file_of(&self, content: &ContentHash) -> usize {
        let position = self.files.iter().position(|(hash, _)| hash == content);
        position.expect("every content in the model is a version of the file")
    }

    /// Which image this is.
    pub(crate) fn image_of(&self, image: &Image) -> usize {
        let position = self
            .images
            .iter()
            .position(|other| other.digest == image.digest);
        position.expect("every image in the model was pushed")
    }

    /// Which image a release brings.
    pub(crate) fn image_in(&self, release: &Release) -> usize {
        self.image_of(&release.content.images[CONTAINER])
    }

    /// The guards of the protocols.
    pub(crate) fn guards(&self) -> Guards {
        match self.scenario.without {
            Some(Guard::Protocol(guard)) => Guards::without(guard),
            _ => Guards::all(),
        }
    }

    /// Whether the guard is left out.
    pub(crate) fn lacks(&self, guard: Guard) -> bool {
        self.scenario.without == Some(guard)
    }

    /// What ECR says of a tag now.
    pub(crate) fn image_tagged(&self, state: &State, tag: &str) -> Option<usize> {
        let mut tagged = state.tagged.iter().copied();
        tagged.find(|image| self.images[*image].tag == tag)
    }

    /// What a look through the repository finds by the version's follow rule.
    pub(crate) fn latest(&self, state: &State, file: usize) -> Option<usize> {
        self.latest_of(state, &self.files[file].1.images[CONTAINER])
    }

    /// What a look through the repository finds by a follow rule.
    pub(crate) fn latest_of(&self, state: &State, rule: &FollowRule) -> Option<usize> {
        let rule = &rule.tag;
        let admitted = state
            .tagged
            .iter()
            .copied()
            .filter(|image| rule.admits(&self.images[*image].tag));
        admitted.max_by(|left, right| rule.order(&self.images[*left], &self.images[*right]))
    }
}

fn file(version: usize, policy: &str) -> (ContentHash, ServiceFile) {
    let text = format!(
        r#"
cluster: {{ clusterName: web }}
images: {{ {CONTAINER}: {{ repository: {REPOSITORY}, tag: "{policy}" }} }}
taskDefinition:
  family: hello
  containerDefinitions: [{{ name: {CONTAINER}, memory: 64 }}]
service: {{ serviceName: hello, {SECTION}: {version} }}
verify: {{ http: {{ url: "http://hello.example.com/", successes: 1, failures: 1 }} }}
"#
    );
    let file = match ServiceFile::parse(text.as_bytes()) {
        Ok(file) => file,
        Err(rejection) => panic!("the model's service file is rejected: {rejection}"),
    };
    let (content, _) = file.stored().expect("an accepted file can be written");
    (content, file)
}

fn image(number: i64, tag: &str) -> Image {
    Image {
        registry: "000000000000.dkr.ecr.eu-west-1.amazonaws.com".into(),
        repository: REPOSITORY.into(),
        tag: tag.into(),
        digest: format!("sha256:{number:064}"),
        pushed_at: THEN + jiff::SignedDuration::from_secs(number),
        tagged_at: None,
    }
}
