//! Recording the stages of a frame, each a compute pass of its own, timed on the device when asked.

use super::buffer::Buffer;
use super::device::{Gpu, GpuError};

/// Milliseconds of device time a stage took, in order of recording; a stage that ran twice is listed twice.
pub type StageTimes = Vec<(&'static str, f64)>;

/// Stages that one recorder can time.
const MAX_STAGES: u32 = 128;

/// A command encoder that knows its stages.
pub struct Recorder {
    gpu: Gpu,
    encoder: wgpu::CommandEncoder,
    queries: Option<wgpu::QuerySet>,
    stages: Vec<&'static str>,
}

impl Recorder {
    /// A recorder; `timed` asks for device timestamps, which not every adapter has.
    pub fn new(gpu: &Gpu, timed: bool) -> Self {
        let available = gpu.device.features().contains(wgpu::Features::TIMESTAMP_QUERY);
        let queries = (timed && available).then(|| {
            gpu.device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("stages"),
                ty: wgpu::QueryType::Timestamp,
                count: 2 * MAX_STAGES,
            })
        });
        let encoder = gpu.device.create_command_encoder(&Default::default());
        Self { gpu: gpu.clone(), encoder, queries, stages: Vec::new() }
    }

    /// Records one stage.
    pub fn stage(&mut self, name: &'static str, record: impl FnOnce(&mut wgpu::ComputePass<'_>)) {
        let index = 2 * self.stages.len() as u32;
        let timestamp_writes = self.queries.as_ref().filter(|_| index < 2 * MAX_STAGES).map(|query_set| {
            self.stages.push(name);
            wgpu::ComputePassTimestampWrites {
                query_set,
                beginning_of_pass_write_index: Some(index),
                end_of_pass_write_index: Some(index + 1),
            }
        });
        let mut pass =
            self.encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: Some(name), timestamp_writes });
        record(&mut pass);
    }

    /// Fills a buffer with zeros.
    pub fn clear<T>(&mut self, buffer: &Buffer<T>) {
        self.encoder.clear_buffer(buffer.raw(), 0, None);
    }

    /// Copies `len` elements.
    pub fn copy<T>(&mut self, from: &Buffer<T>, from_at: usize, to: &Buffer<T>, to_at: usize, len: usize) {
        let size = size_of::<T>() as u64;
        self.encoder.copy_buffer_to_buffer(
            from.raw(),
            from_at as u64 * size,
            to.raw(),
            to_at as u64 * size,
            len as u64 * size,
        );
    }

    /// Submits without waiting.
    pub fn submit(self) {
        self.gpu.queue.submit([self.encoder.finish()]);
    }

    /// Submits, waits, and returns the time of every stage (nothing if it was not timed).
    pub fn finish(mut self) -> Result<StageTimes, GpuError> {
        let Some(queries) = self.queries.take() else {
            let gpu = self.gpu.clone();
            self.submit();
            gpu.wait()?;
            return Ok(Vec::new());
        };
        let count = 2 * self.stages.len() as u32;
        let ticks = self.gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("timestamps"),
            size: 8 * u64::from(count.max(1)),
            usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        let stamps = self.gpu.zeros::<u64>("timestamps", count as usize)?;
        self.encoder.resolve_query_set(&queries, 0..count, &ticks, 0);
        self.encoder.copy_buffer_to_buffer(&ticks, 0, stamps.raw(), 0, 8 * u64::from(count));
        self.gpu.queue.submit([self.encoder.finish()]);
        let stamps = self.gpu.read(&stamps)?;
        let period = f64::from(self.gpu.queue.get_timestamp_period());
        let milliseconds = |pair: &[u64]| pair[1].saturating_sub(pair[0]) as f64 * period * 1e-6;
        Ok(self.stages.iter().copied().zip(stamps.chunks_exact(2).map(milliseconds)).collect())
    }
}
