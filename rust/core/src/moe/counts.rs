//! Token counts as they come in: per expert, or per source rank and expert.

use crate::{Error, Result};

/// Fill `out` with the tokens of each expert over all source ranks; `counts` has one row of experts per source.
pub fn sum_sources(out: &mut [u64], counts: &[i64]) -> Result<()> {
    let num_experts = out.len();
    if num_experts == 0 || counts.is_empty() || !counts.len().is_multiple_of(num_experts) {
        return Err(Error::shape(
            "count",
            format!("({num_experts},) or (n, {num_experts})"),
            format!("({},)", counts.len()),
        ));
    }
    let mut rows = counts.chunks_exact(num_experts).enumerate();
    if let Some((_, first)) = rows.next() {
        add(out, first, 0, |_, count| count)?;
    }
    for (row, counts) in rows {
        add(out, counts, row, u64::saturating_add)?;
    }
    Ok(())
}

fn add(out: &mut [u64], counts: &[i64], row: usize, sum: impl Fn(u64, u64) -> u64) -> Result<()> {
    // Looked for apart from the sum, so that both are straight loops.
    if counts.iter().any(|&count| count < 0) {
        let column = counts.iter().position(|&count| count < 0).unwrap_or_default();
        let got = format!("{} in row {row}, column {column}", counts[column]);
        return Err(Error::value("count", "at least 0 everywhere", got));
    }
    out.iter_mut().zip(counts).for_each(|(out, &count)| *out = sum(*out, count as u64));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_summed_and_negative_counts_named() {
        let mut out = [7; 2];
        sum_sources(&mut out, &[1, 2, 3, 4]).unwrap();
        assert_eq!(out, [4, 6]);
        let error = sum_sources(&mut out, &[1, 2, 3, -4]).unwrap_err().to_string();
        assert!(error.contains("-4 in row 1, column 1"), "{error}");
        assert!(sum_sources(&mut out, &[1, 2, 3]).is_err());
    }
}
