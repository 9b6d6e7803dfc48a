//! Text in the place of a list of NTP servers.

use snowflake_core::Refusal;
use snowflake_core::time::{MOST_SERVERS, server, servers};

/// The text, as far as it is UTF-8.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match servers(&text) {
        Ok(list) => {
            assert!(list.len() <= MOST_SERVERS);
            let names: Vec<String> = list.iter().map(ToString::to_string).collect();
            // what is shown of it is the same list
            assert_eq!(servers(&names.join(",")).as_ref(), Ok(&list));
            for (place, (name, endpoint)) in names.iter().zip(&list).enumerate() {
                assert!(endpoint.port > 0 && !endpoint.host.is_empty());
                assert_eq!(server(name).as_ref(), Ok(endpoint));
                assert!(!list.iter().skip(place + 1).any(|other| other == endpoint));
            }
        }
        Err(error) => {
            let said = error.to_string().len() + error.detail().map_or(0, |detail| detail.len());
            assert!(said < 1_500, "{error}");
        }
    }
}
