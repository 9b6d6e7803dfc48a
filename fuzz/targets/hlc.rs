//! Texts and bytes that come in the place of a hybrid time.

use snowflake_core::Refusal;
use snowflake_core::causality::HybridTime;

/// The bytes as text, and the first of them as the binary form.
pub fn run(data: &[u8]) {
    if let Some((bits, _)) = data.split_first_chunk() {
        let time = HybridTime::from_bits(i64::from_be_bytes(*bits));
        // one form for each value, and a value for any bits
        assert_eq!(time.to_string().parse(), Ok(time));
    }
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    match text.parse::<HybridTime>() {
        Ok(time) => assert_eq!(time.to_string().parse(), Ok(time)),
        Err(error) => {
            assert!(error.to_string().len() < 500);
            assert!(error.detail().is_none_or(|detail| detail.len() < 200));
        }
    }
}
