//! The steps of a release: what each is given, what it answers, and how it decides.

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
