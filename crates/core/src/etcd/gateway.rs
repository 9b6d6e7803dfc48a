//! The messages of etcd's JSON gateway: keys and values are in Base64, 64-bit numbers are strings,
//! and what is zero or empty is left out.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::digits;
use super::http::Response;
use super::origin::Origin;

/// The path of requests for a transaction.
pub const TRANSACTION_PATH: &str = "/v3/kv/txn";
/// The path of requests for what a member tells about itself.
pub const STATUS_PATH: &str = "/v3/maintenance/status";
/// The body of such a request.
pub const STATUS_REQUEST: &str = "{}";

/// What etcd says with every message: who says it, and as of when.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Header {
    #[serde(rename = "cluster_id", with = "digits")]
    pub cluster: u64,
    #[serde(rename = "member_id", with = "digits")]
    pub member: u64,
    #[serde(with = "digits")]
    pub revision: i64,
}

/// A key with its value.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub key: String,
    pub value: Vec<u8>,
    /// The revision that stored it.
    pub revision: i64,
}

#[derive(Deserialize)]
struct RawPair {
    key: String,
    #[serde(default)]
    value: String,
    #[serde(with = "digits")]
    mod_revision: i64,
}

#[derive(Deserialize)]
struct RawRange {
    #[serde(default)]
    kvs: Vec<RawPair>,
    #[serde(default)]
    more: bool,
}

#[derive(Deserialize)]
struct RawResult {
    response_range: Option<RawRange>,
}

#[derive(Deserialize)]
struct RawTransaction {
    header: Header,
    #[serde(default)]
    succeeded: bool,
    #[serde(default)]
    responses: Vec<RawResult>,
}

#[derive(Deserialize)]
struct RawStatus {
    header: Header,
    #[serde(rename = "raftIndex", with = "digits")]
    index: u64,
}

#[derive(Deserialize)]
struct RawProblem {
    error: String,
}

/// The message in a response, or what etcd says is wrong.
fn message<T: DeserializeOwned>(response: &Response) -> Result<T, String> {
    if response.status == 200 {
        return serde_json::from_slice(&response.body)
            .map_err(|error| format!("its answer cannot be read: {error}"));
    }
    let said = serde_json::from_slice::<RawProblem>(&response.body);
    Err(said.map_or_else(
        |_| format!("it answers with HTTP status {}", response.status),
        |problem| problem.error,
    ))
}

fn encode(text: impl AsRef<[u8]>) -> String {
    STANDARD.encode(text)
}

fn decode(text: &str) -> Result<Vec<u8>, String> {
    STANDARD
        .decode(text)
        .map_err(|error| format!("its answer cannot be read: {error}"))
}

/// A transaction that reads some keys, and all that begin with a text, as they are at one
/// revision: not without a majority of the members.
pub(super) fn read_transaction(keys: &[String], folder: Option<&str>) -> String {
    let mut ranges: Vec<_> = keys
        .iter()
        .map(|key| json!({ "request_range": { "key": encode(key) } }))
        .collect();
    if let Some(folder) = folder {
        // the first text after all with that beginning
        let mut end = folder.as_bytes().to_vec();
        if let Some(last) = end.last_mut() {
            *last = last.saturating_add(1);
        }
        let range = json!({ "key": encode(folder), "range_end": encode(end) });
        ranges.push(json!({ "request_range": range }));
    }
    json!({ "success": ranges }).to_string()
}

/// What [`read_transaction`] has found, and as of when.
///
/// # Errors
/// What is wrong with the response, or what etcd says is wrong.
pub(super) fn read_pairs(response: &Response) -> Result<(Header, Vec<Pair>), String> {
    const CUT: &str = "its answer is not complete";
    let raw: RawTransaction = message(response)?;
    let mut pairs = Vec::new();
    for result in raw.responses {
        let range = result.response_range.ok_or(CUT)?;
        if range.more {
            return Err(CUT.into());
        }
        for pair in range.kvs {
            pairs.push(Pair {
                key: String::from_utf8_lossy(&decode(&pair.key)?).into_owned(),
                value: decode(&pair.value)?,
                revision: pair.mod_revision,
            });
        }
    }
    if !raw.succeeded {
        return Err(CUT.into());
    }
    Ok((raw.header, pairs))
}

/// A transaction that stores values if keys are still of the revisions that they were read at; 0
/// is that of a key that does not exist.
pub(super) fn write_transaction(
    unchanged: &[(String, i64)],
    values: &[(String, Vec<u8>)],
) -> String {
    let compare: Vec<_> = unchanged
        .iter()
        .map(|(key, revision)| {
            json!({
                "target": "MOD",
                "result": "EQUAL",
                "key": encode(key),
                "mod_revision": revision.to_string(),
            })
        })
        .collect();
    let puts: Vec<_> = values
        .iter()
        .map(
            |(key, value)| json!({ "request_put": { "key": encode(key), "value": encode(value) } }),
        )
        .collect();
    json!({ "compare": compare, "success": puts }).to_string()
}

/// What became of a transaction that stores.
#[derive(Clone, Copy, Debug)]
pub struct Committed {
    /// Whether it was done; otherwise something had changed.
    pub succeeded: bool,
    pub(super) header: Header,
}

impl Committed {
    /// Reads the response.
    ///
    /// # Errors
    /// What is wrong with it. The transaction may have been done all the same.
    pub fn parse(response: &Response) -> Result<Self, String> {
        let raw: RawTransaction = message(response)?;
        Ok(Self {
            succeeded: raw.succeeded,
            header: raw.header,
        })
    }
}

/// What a member tells about itself.
#[derive(Clone, Copy, Debug)]
pub struct Status {
    pub(super) header: Header,
    pub(super) index: u64,
}

impl Status {
    /// Reads the response.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(response: &Response) -> Result<Self, String> {
        let raw: RawStatus = message(response)?;
        Ok(Self {
            header: raw.header,
            index: raw.index,
        })
    }

    /// The past of the cluster as of a response that the same member gave before; `None` if
    /// another one did.
    pub(super) fn origin(&self, before: &Header) -> Option<Origin> {
        let same = |header: &Header| (header.cluster, header.member);
        (same(&self.header) == same(before)).then_some(Origin {
            cluster: before.cluster,
            revision: before.revision,
            index: self.index,
        })
    }
}

/// A value as it is stored.
///
/// # Errors
/// Something that JSON cannot say.
pub(super) fn to_json(value: &impl Serialize) -> Result<Vec<u8>, String> {
    serde_json::to_vec(value).map_err(|error| error.to_string())
}

/// The value of a key.
///
/// # Errors
/// What is wrong with it.
pub(super) fn from_json<T: DeserializeOwned>(pair: &Pair) -> Result<T, String> {
    serde_json::from_slice(&pair.value)
        .map_err(|error| format!("the value of key {} cannot be read: {error}", pair.key))
}
