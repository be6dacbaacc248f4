//! Task tokens: how something outside tells a waiting Task state to go on.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sha2::{Digest, Sha256};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::failure::Failure;
use crate::{cloud::fault::Fault, world::World};

/// What SendTaskSuccess, SendTaskFailure and SendTaskHeartbeat say.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Signal {
    /// The task's output.
    Success(serde_json::Value),
    /// The task's failure.
    Failure(Failure),
    /// Still at work.
    Heartbeat,
}

/// The tokens that a Task state waits for.
#[derive(Clone, Debug, Default)]
pub(super) struct Tokens {
    open: Arc<Mutex<BTreeMap<String, UnboundedSender<Signal>>>>,
}

/// The waiting end of a token; dropping it closes the token.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) token: String,
    tokens: Tokens,
    signals: UnboundedReceiver<Signal>,
}

const NONCE_DIGITS: usize = 64;
const CHECK_DIGITS: usize = 32;

/// A token carries a check of its own nonce, so one that was issued long ago, even by an engine that is gone, can be told
/// from one that never existed without keeping a list.
fn check(nonce: &str) -> String {
    hex::encode(&Sha256::digest(format!("task token {nonce}"))[..CHECK_DIGITS / 2])
}

impl Tokens {
    fn table(&self) -> MutexGuard<'_, BTreeMap<String, UnboundedSender<Signal>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Issues a token.
    pub(super) fn open(&self, world: &World) -> Waiting {
        let nonce = world.hex(NONCE_DIGITS);
        let token = format!("{nonce}{}", check(&nonce));
        let (sender, signals) = unbounded_channel();
        self.table().insert(token.clone(), sender);
        Waiting {
            token,
            tokens: self.clone(),
            signals,
        }
    }

    /// Passes a signal on. A success or a failure closes the token, so only the first one is accepted.
    pub(super) fn signal(&self, token: &str, signal: Signal) -> Result<(), Fault> {
        let mut table = self.table();
        let sender = match signal {
            Signal::Heartbeat => table.get(token).cloned(),
            Signal::Success(_) | Signal::Failure(_) => table.remove(token),
        };
        if sender.is_some_and(|sender| sender.send(signal).is_ok()) {
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
    /// The next signal.
    pub(super) async fn next(&mut self) -> Signal {
        match self.signals.recv().await {
            Some(signal) => signal,
            // The sender is only dropped after a final signal, which ends the wait: never reached while waiting.
            None => std::future::pending().await,
        }
    }

    /// Closes the token. Answers a success or failure that was accepted before: its sender was told that it counts.
    pub(super) fn close(&mut self) -> Option<Signal> {
        self.tokens.table().remove(&self.token);
        while let Ok(signal) = self.signals.try_recv() {
            if signal != Signal::Heartbeat {
                return Some(signal);
            }
        }
        None
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
        tokens.signal(&token, Signal::Heartbeat).unwrap();
        tokens.signal(&token, Signal::Success(json!(1))).unwrap();
        let again = tokens
            .signal(&token, Signal::Success(json!(2)))
            .unwrap_err();
        assert_eq!(again.code, "TaskTimedOut");
        assert_eq!(waiting.close(), Some(Signal::Success(json!(1))));

        assert_eq!(
            tokens
                .signal("not a token", Signal::Heartbeat)
                .unwrap_err()
                .code,
            "InvalidToken"
        );
        let foreign = "ab".repeat(48);
        assert_eq!(
            tokens.signal(&foreign, Signal::Heartbeat).unwrap_err().code,
            "TaskDoesNotExist"
        );
    }

    #[tokio::test]
    async fn a_token_nobody_waits_for_any_more_has_timed_out() {
        let world = World::new("000000000000", "eu-west-1", Timestamp::UNIX_EPOCH, 1);
        let tokens = Tokens::default();
        let token = tokens.open(&world).token.clone();
        assert_eq!(
            tokens.signal(&token, Signal::Heartbeat).unwrap_err().code,
            "TaskTimedOut"
        );
    }
}
