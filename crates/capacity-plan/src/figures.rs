//! What became of simulated documents.

/// Instance time and waits, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SimulatedFigures {
    /// From each upload to its result, the shortest first.
    pub waits_ms: Vec<u64>,
    /// Instance time, cold starts included.
    pub billed_ms: u64,
    pub starting_ms: u64,
    /// Instance time in service without work.
    pub idle_ms: u64,
    /// Documents that are still open at the end. Their waits are those until then.
    pub unfinished: usize,
    pub max_instances: u32,
    pub cold_starts: u32,
    /// How long the endpoint was observed.
    pub span_ms: u64,
}

impl SimulatedFigures {
    /// Nearest rank: the wait of a real document. 0 without documents.
    pub fn percentile_ms(&self, percent: usize) -> u64 {
        let rank = (self.waits_ms.len() * percent).div_ceil(100).max(1);
        self.waits_ms.get(rank - 1).copied().unwrap_or(0)
    }

    pub fn longest_ms(&self) -> u64 {
        self.percentile_ms(100)
    }

    /// Documents that waited longer than `slo_ms`.
    pub fn late(&self, slo_ms: u64) -> usize {
        self.waits_ms.len() - self.waits_ms.partition_point(|wait| *wait <= slo_ms)
    }

    /// The share of the instance time without work, from 0 to 1.
    pub fn idle_share(&self) -> f64 {
        if self.billed_ms == 0 {
            return 0.0;
        }
        self.idle_ms as f64 / self.billed_ms as f64
    }
}
