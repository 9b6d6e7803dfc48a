//! Bytes and texts that come in the place of a context.

use snowflake_core::causality::{Actor, Context, Error};

/// The bytes as a binary form and as text.
pub fn run(data: &[u8]) {
    if let Ok(context) = Context::check(data) {
        // one form for each value
        let text = context.to_string();
        assert!(text.len() <= context.longest_text());
        assert_eq!(parsed(&text).as_deref(), Ok(data));
    }
    if let Ok(context) = Context::stored(data) {
        work(context, data.len());
    }
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    if let Ok(bytes) = parsed(text) {
        assert!(Context::check(&bytes).is_ok());
    }
}

/// All that is done with what is stored: it is not looked through each time.
fn work(context: Context<'_>, length: usize) {
    let actor = Actor { node: 7, epoch: 1 };
    let mut other = [0; 32];
    let written = Context::of(actor, 3, &mut other).unwrap_or_default();
    let Ok(other) = Context::stored(&other[..written]) else {
        return;
    };
    for (left, right) in [(context, other), (other, context), (context, context)] {
        let _ = left.contains(right);
        let _ = made(2 * length + 32, |room| left.merge(right, room));
    }
    let _ = (context.knows(actor, 3), context.is_empty());
}

fn parsed(text: &str) -> Result<Vec<u8>, Error> {
    made(Context::room_to_parse(text), |room| {
        Context::parse(text, room)
    })
}

fn made(
    length: usize,
    fill: impl FnOnce(&mut [u8]) -> Result<usize, Error>,
) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; length];
    let length = fill(&mut bytes)?;
    bytes.truncate(length);
    Ok(bytes)
}
