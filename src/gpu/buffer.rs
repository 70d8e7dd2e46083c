//! Typed storage buffers, and what is allocated.

use std::marker::PhantomData;
use std::sync::Arc;

use bytemuck::Pod;

use super::device::{Gpu, GpuError, MemoryStats};

/// A GPU buffer of `len` elements of type `T`. Usable as storage, uniform, indirect arguments, and for copies.
/// Clones share the memory.
#[derive(Debug)]
pub struct Buffer<T> {
    memory: Arc<Memory>,
    len: usize,
    element: PhantomData<T>,
}

#[derive(Debug)]
struct Memory {
    raw: wgpu::Buffer,
    label: &'static str,
    memory_stats: Arc<MemoryStats>,
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.memory_stats.freed(self.label, self.raw.size());
    }
}

impl<T> Buffer<T> {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn raw(&self) -> &wgpu::Buffer {
        &self.memory.raw
    }

    /// The same memory seen as elements of another type.
    pub fn cast<U>(&self) -> Buffer<U> {
        let len = self.len * size_of::<T>() / size_of::<U>();
        Buffer { memory: self.memory.clone(), len, element: PhantomData }
    }
}

impl<T> Clone for Buffer<T> {
    fn clone(&self) -> Self {
        self.cast()
    }
}

impl Gpu {
    /// Bytes of the largest buffer that [`Gpu::zeros`] makes.
    pub fn largest_buffer(&self) -> u64 {
        let limits = self.device.limits();
        limits.max_buffer_size.min(limits.max_storage_buffer_binding_size)
    }

    /// A zeroed buffer of `len` elements (at least one is allocated, so that it can be bound).
    ///
    /// # Errors
    /// Names the limit of the adapter that is too small, or says that the device is out of memory.
    pub fn zeros<T: Pod>(&self, label: &'static str, len: usize) -> Result<Buffer<T>, GpuError> {
        let bytes = (len.max(1) * size_of::<T>()).next_multiple_of(16) as u64;
        let limits = self.device.limits();
        let ceilings = [
            ("max_buffer_size", limits.max_buffer_size),
            ("max_storage_buffer_binding_size", limits.max_storage_buffer_binding_size),
        ];
        for (limit, value) in ceilings {
            if bytes > value {
                return Err(GpuError::TooLarge { buffer: label, bytes, limit, value, others: self.others() });
            }
        }
        let memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let usages = wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::UNIFORM
            | wgpu::BufferUsages::INDIRECT
            | wgpu::BufferUsages::COPY_SRC
            | wgpu::BufferUsages::COPY_DST;
        let raw = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size: bytes,
            usage: usages,
            mapped_at_creation: false,
        });
        if pollster::block_on(memory.pop()).is_some() {
            let allocated = self.memory_stats.total();
            return Err(GpuError::OutOfMemory { buffer: label, bytes, allocated, others: self.others() });
        }
        self.memory_stats.allocated(label, bytes);
        let memory = Memory { raw, label, memory_stats: self.memory_stats.clone() };
        Ok(Buffer { memory: Arc::new(memory), len, element: PhantomData })
    }

    /// A buffer of `len` elements that starts with those of `buffer`, under its label. Waits for the device, so that the memory
    /// of the old one is free when its last clone is dropped.
    ///
    /// # Errors
    /// Those of [`Gpu::zeros`].
    pub fn grown<T: Pod>(&self, buffer: &Buffer<T>, len: usize) -> Result<Buffer<T>, GpuError> {
        assert!(len >= buffer.len, "{} would lose what it holds", buffer.memory.label);
        let larger = self.zeros(buffer.memory.label, len)?;
        let bytes = (buffer.len * size_of::<T>()).next_multiple_of(4) as u64;
        if bytes > 0 {
            let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            encoder.copy_buffer_to_buffer(buffer.raw(), 0, larger.raw(), 0, bytes);
            self.queue.submit([encoder.finish()]);
            self.wait()?;
        }
        Ok(larger)
    }

    /// A buffer that holds `data`.
    pub fn upload<T: Pod>(&self, label: &'static str, data: &[T]) -> Result<Buffer<T>, GpuError> {
        let buffer = self.zeros(label, data.len())?;
        self.write(&buffer, 0, data);
        Ok(buffer)
    }

    /// Overwrites `data.len()` elements from element `at` on, before the next submission runs.
    pub fn write<T: Pod>(&self, buffer: &Buffer<T>, at: usize, data: &[T]) {
        assert!(at + data.len() <= buffer.len, "write past the end of {}", buffer.memory.label);
        if !data.is_empty() {
            self.queue.write_buffer(buffer.raw(), (at * size_of::<T>()) as u64, bytemuck::cast_slice(data));
        }
    }

    /// Waits for the GPU and reads a whole buffer.
    pub fn read<T: Pod>(&self, buffer: &Buffer<T>) -> Result<Vec<T>, GpuError> {
        self.read_range(buffer, 0, buffer.len)
    }

    /// Waits for the GPU and reads `len` elements from element `at` on, in pieces of at most 64 MiB.
    pub fn read_range<T: Pod>(&self, buffer: &Buffer<T>, at: usize, len: usize) -> Result<Vec<T>, GpuError> {
        assert!(at + len <= buffer.len, "read past the end of {}", buffer.memory.label);
        let mut out = Vec::with_capacity(len);
        let piece = (64 << 20) / size_of::<T>();
        for start in (at..at + len).step_by(piece.max(1)) {
            let count = piece.min(at + len - start);
            self.read_piece(buffer, start, count, &mut out)?;
        }
        Ok(out)
    }

    fn read_piece<T: Pod>(&self, buffer: &Buffer<T>, at: usize, len: usize, out: &mut Vec<T>) -> Result<(), GpuError> {
        // Copies need multiples of four bytes; every element type here has them.
        let bytes = (len * size_of::<T>()) as u64;
        let staging = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("readback"),
            size: bytes,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = self.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(buffer.raw(), (at * size_of::<T>()) as u64, &staging, 0, bytes);
        self.queue.submit([encoder.finish()]);
        staging.map_async(wgpu::MapMode::Read, .., |_| {});
        self.wait()?;
        let view = staging.get_mapped_range(..).map_err(|error| GpuError::Lost(error.to_string()))?;
        let start = out.len();
        out.resize(start + len, T::zeroed());
        bytemuck::cast_slice_mut(&mut out[start..]).copy_from_slice(&view);
        Ok(())
    }
}
