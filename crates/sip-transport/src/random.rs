//! Randomness from the operating system. Must not know what it is used for beyond its form.

/// The system gave no randomness, without which nothing can be sent safely.
#[derive(Debug, thiserror::Error)]
#[error("read randomness from the operating system")]
pub struct NoRandomness(#[source] getrandom::Error);

/// A branch parameter: the magic cookie of RFC 3261 §8.1.1.7 and 128 random bits.
pub(crate) fn branch() -> Result<String, NoRandomness> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).map_err(NoRandomness)?;
    Ok(format!("z9hG4bK{:032x}", u128::from_ne_bytes(bits)))
}

/// The secret of an endpoint.
pub(crate) fn secret() -> Result<[u64; 2], NoRandomness> {
    let high = getrandom::u64().map_err(NoRandomness)?;
    let low = getrandom::u64().map_err(NoRandomness)?;
    Ok([high, low])
}

/// A number less than `end`, for choices that nobody gains by guessing; 0 where the system gives no randomness.
pub(crate) fn below(end: u64) -> u64 {
    getrandom::u64().map_or(0, |number| number % end.max(1))
}
