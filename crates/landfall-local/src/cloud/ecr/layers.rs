//! Blobs: uploading layers in parts, as `docker push` through a proxy does. Only digests and sizes are kept, as nothing
//! here ever unpacks a layer.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Ecr, invalid, required};
use crate::cloud::fault::Fault;

/// Finished layers by repository and digest, and the bytes of unfinished uploads.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Layers {
    /// Repository → digest → bytes.
    finished: BTreeMap<String, BTreeMap<String, usize>>,
    /// An upload does not survive a restart.
    #[serde(skip)]
    uploads: BTreeMap<String, Vec<u8>>,
}

impl Ecr {
    pub(super) fn batch_check_layer_availability(&self, input: &Value) -> Result<Value, Fault> {
        let name = required(input, "repositoryName")?;
        let mut state = self.state();
        state.repository(input, &self.world.account)?;
        let digests = input["layerDigests"]
            .as_array()
            .ok_or_else(|| invalid("'layerDigests' must be a list"))?;
        let layers = digests.iter().filter_map(Value::as_str).map(|digest| {
            match state.layers.finished.get(name).and_then(|layers| layers.get(digest)) {
                Some(size) => json!({ "layerDigest": digest, "layerAvailability": "AVAILABLE", "layerSize": size }),
                None => json!({ "layerDigest": digest, "layerAvailability": "UNAVAILABLE" }),
            }
        });
        Ok(json!({ "layers": layers.collect::<Vec<_>>(), "failures": [] }))
    }

    pub(super) fn initiate_layer_upload(&self, input: &Value) -> Result<Value, Fault> {
        let mut state = self.state();
        state.repository(input, &self.world.account)?;
        let id = self.world.uuid();
        state.layers.uploads.insert(id.clone(), Vec::new());
        Ok(json!({ "uploadId": id, "partSize": 10 * 1024 * 1024 }))
    }

    pub(super) fn upload_layer_part(&self, input: &Value) -> Result<Value, Fault> {
        let blob = STANDARD
            .decode(required(input, "layerPartBlob")?)
            .map_err(|error| invalid(format!("'layerPartBlob' is not base64: {error}")))?;
        let mut state = self.state();
        state.repository(input, &self.world.account)?;
        let id = required(input, "uploadId")?;
        let upload = state
            .layers
            .uploads
            .get_mut(id)
            .ok_or_else(|| no_such_upload(id))?;
        if input["partFirstByte"].as_u64() != Some(upload.len() as u64) {
            let message = format!("The next part must start at byte {}.", upload.len());
            return Err(Fault::client("InvalidLayerPartException", message));
        }
        upload.extend_from_slice(&blob);
        Ok(json!({
            "registryId": self.world.account,
            "repositoryName": input["repositoryName"],
            "uploadId": id,
            "lastByteReceived": upload.len().saturating_sub(1),
        }))
    }

    pub(super) fn complete_layer_upload(&self, input: &Value) -> Result<Value, Fault> {
        let name = required(input, "repositoryName")?;
        let mut state = self.state();
        state.repository(input, &self.world.account)?;
        let id = required(input, "uploadId")?;
        let upload = state
            .layers
            .uploads
            .get(id)
            .ok_or_else(|| no_such_upload(id))?;
        if upload.is_empty() {
            return Err(Fault::client(
                "EmptyUploadException",
                "The specified layer upload does not contain any layer parts.",
            ));
        }
        let digest = format!("sha256:{}", hex::encode(Sha256::digest(upload)));
        let size = upload.len();
        let expected = input["layerDigests"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        if !expected.clone().any(|expected| expected == digest) {
            let message = format!("The layer's digest is {digest}, not one of those named.");
            return Err(Fault::client("InvalidLayerException", message));
        }
        let layers = state.layers.finished.entry(name.to_owned()).or_default();
        if layers.insert(digest.clone(), size).is_some() {
            let message =
                format!("The image layer {digest} already exists in the associated repository.");
            return Err(Fault::client("LayerAlreadyExistsException", message));
        }
        state.layers.uploads.remove(id);
        Ok(json!({
            "registryId": self.world.account,
            "repositoryName": name,
            "uploadId": id,
            "layerDigest": digest,
        }))
    }
}

fn no_such_upload(id: &str) -> Fault {
    Fault::client(
        "UploadNotFoundException",
        format!("The upload {id} could not be found, or it is not of this repository."),
    )
}
