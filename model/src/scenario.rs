//! What happens in a model: which images and files there are, who does what, and how much goes wrong.

use landfall::protocol;

/// A world to be checked.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The images that get pushed, oldest first. With [`Scenario::settled`] the first one runs from the beginning.
    pub images: Vec<Pushed>,
    /// The tag policy of each version of the service file. Each version also has a `service` section of its own.
    pub files: Vec<&'static str>,
    /// Whether the first version of the file is followed, and the first image has proved good, from the beginning.
    /// Otherwise nothing is there, not even the service.
    pub settled: bool,
    /// What people do. The lists run side by side, each in its order.
    pub happenings: Vec<Vec<Happening>>,
    /// How much goes wrong.
    pub faults: Faults,
    /// Whether a sleeping execution wakes by itself after a minute. Without that, every wake-up has to come from an event
    /// or from another execution, and none may be missed.
    pub wakes_by_itself: bool,
    /// Whether also those orders are tried that can lead to nothing else: to see that they do not.
    pub tries_every_order: bool,
    /// The guard that is left out, to see that the checker finds what it guards against.
    pub without: Option<Guard>,
}

/// An image, by its tag, and what becomes of it.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// Its tag. An image with a tag that an earlier image has moves the tag.
    pub tag: &'static str,
    /// What becomes of it.
    pub quality: Quality,
}

/// What becomes of an image that is rolled out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality {
    /// It runs and answers as it should.
    Good,
    /// ECS completes the rollout, but the probe gets the wrong answer.
    FailsChecks,
    /// Its tasks never stay up: ECS rolls the deployment back by itself, or gives it up where it cannot.
    NeverStarts,
}

/// Something that people do. Pushes, uploads and deletions are announced by an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// The image gets its tag in ECR.
    Push(usize),
    /// The version becomes the current one of the service file in S3.
    Upload(usize),
    /// The service file is deleted.
    Delete,
    /// An operator holds the service.
    Hold,
    /// An operator ends the hold.
    Resume,
}

/// How many faults there are in one run, at whatever points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Faults {
    /// Executions that die.
    pub crashes: u8,
    /// Calls that take effect while the function is killed or its answer is lost, so that the step or the trigger
    /// runs again from its beginning.
    pub lost_answers: u8,
    /// Events that are delivered once more.
    pub duplicates: u8,
    /// Wake-ups for no reason.
    pub stray_wakes: u8,
    /// Steps that AWS does not answer for as long as they have patience.
    pub outages: u8,
}

/// A guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// One of a protocol's own.
    Protocol(protocol::Guard),
    /// A repeated invocation that finds a newer release starts another execution.
    NameExecutionsByRelease,
    /// The task token is stored before ECS and the desired state are looked at.
    StoreTheTokenBeforeTheLook,
}
