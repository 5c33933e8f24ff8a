//! How long after the faults it took until all agreed.

/// Measured in a run whose plan says so; a look every [`LOOK_MS`], so up to that too long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Milliseconds from the end of the faults until ledgers, counts and trust agreed, from then
    /// on. Nothing where they did not, or nobody looked.
    pub counts_ms: Option<u64>,
    /// The same of the rows and the table that the primary shows. Nothing also where it took
    /// longer than was looked.
    pub rows_ms: Option<u64>,
}

/// Milliseconds between two looks.
pub const LOOK_MS: u64 = 250;

impl Agreement {
    /// What a look at this time found.
    pub(super) fn seen(&mut self, after_ms: u64, counts_agree: bool, rows_agree: bool) {
        keep(&mut self.counts_ms, after_ms, counts_agree);
        keep(&mut self.rows_ms, after_ms, counts_agree && rows_agree);
    }
}

fn keep(since: &mut Option<u64>, after_ms: u64, agrees: bool) {
    *since = since.or(Some(after_ms)).filter(|_| agrees);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_agreed_once_and_then_no_more_did_not_agree() {
        let mut agreement = Agreement::default();
        agreement.seen(250, true, false);
        agreement.seen(500, false, true);
        assert_eq!(agreement, Agreement::default());
        agreement.seen(750, true, false);
        agreement.seen(1_000, true, true);
        agreement.seen(1_250, true, true);
        assert_eq!(agreement, Agreement { counts_ms: Some(750), rows_ms: Some(1_000) });
    }
}
