//! Task tokens: how something outside tells a waiting Task state to go on.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use crate::{cloud::fault::Fault, world::World};
use serde_json::Value;

/// The tokens that Task states wait for, each with the way to the one that waits.
#[derive(Clone, Debug, Default)]
pub(super) struct Tokens {
    open: Arc<Mutex<BTreeMap<String, oneshot::Sender<Value>>>>,
}

/// The waiting end of a token; dropping it closes the token.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) token: String,
    tokens: Tokens,
    output: oneshot::Receiver<Value>,
}

const NONCE_DIGITS: usize = 64;
const CHECK_DIGITS: usize = 32;

/// A token carries a check of its own nonce, so one that was issued long ago, even by an engine that is gone, can be told
/// from one that never existed without keeping a list.
fn check(nonce: &str) -> String {
    hex::encode(&Sha256::digest(format!("task token {nonce}"))[..CHECK_DIGITS / 2])
}

impl Tokens {
    fn table(&self) -> MutexGuard<'_, BTreeMap<String, oneshot::Sender<Value>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Issues a token.
    pub(super) fn open(&self, world: &World) -> Waiting {
        let nonce = world.hex(NONCE_DIGITS);
        let token = format!("{nonce}{}", check(&nonce));
        let (sender, output) = oneshot::channel();
        self.table().insert(token.clone(), sender);
        Waiting {
            token,
            tokens: self.clone(),
            output,
        }
    }

    /// Passes the task's output on. This closes the token, so only the first one is accepted.
    pub(super) fn succeed(&self, token: &str, output: Value) -> Result<(), Fault> {
        let sender = self.table().remove(token);
        if sender.is_some_and(|sender| sender.send(output).is_ok()) {
            return Ok(());
        }
        if token.len() != NONCE_DIGITS + CHECK_DIGITS
            || !token.bytes().all(|byte| byte.is_ascii_hexdigit())
        {
            return Err(Fault::client(
                "InvalidToken",
                "Invalid Token: 'Invalid token'",
            ));
        }
        if check(&token[..NONCE_DIGITS]) != token[NONCE_DIGITS..] {
            return Err(Fault::client(
                "TaskDoesNotExist",
                "Task does not exist: no task has this token",
            ));
        }
        Err(Fault::client(
            "TaskTimedOut",
            "Task Timed Out: 'Provided task does not exist anymore'",
        ))
    }
}

impl Waiting {
    /// The output that was sent with the token.
    pub(super) async fn output(&mut self) -> Value {
        match (&mut self.output).await {
            Ok(output) => output,
            // The sender is only dropped with an output, which ends the wait: never reached while waiting.
            Err(_) => std::future::pending().await,
        }
    }

    /// Closes the token. Answers an output that was accepted before: its sender was told that it counts.
    pub(super) fn close(&mut self) -> Option<Value> {
        self.tokens.table().remove(&self.token);
        self.output.try_recv().ok()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.tokens.table().remove(&self.token);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn a_token_is_good_once_and_a_foreign_one_never() {
        let world = World::new("000000000000", "eu-west-1", Timestamp::UNIX_EPOCH, 1);
        let tokens = Tokens::default();
        let mut waiting = tokens.open(&world);
        let token = waiting.token.clone();
        tokens.succeed(&token, json!(1)).unwrap();
        let again = tokens.succeed(&token, json!(2)).unwrap_err();
        assert_eq!(again.code, "TaskTimedOut");
        assert_eq!(waiting.close(), Some(json!(1)));

        assert_eq!(
            tokens.succeed("not a token", json!(1)).unwrap_err().code,
            "InvalidToken"
        );
        let foreign = "ab".repeat(48);
        assert_eq!(
            tokens.succeed(&foreign, json!(1)).unwrap_err().code,
            "TaskDoesNotExist"
        );
    }

    #[tokio::test]
    async fn a_token_nobody_waits_for_any_more_has_timed_out() {
        let world = World::new("000000000000", "eu-west-1", Timestamp::UNIX_EPOCH, 1);
        let tokens = Tokens::default();
        let token = tokens.open(&world).token.clone();
        assert_eq!(
            tokens.succeed(&token, json!(1)).unwrap_err().code,
            "TaskTimedOut"
        );
    }
}
