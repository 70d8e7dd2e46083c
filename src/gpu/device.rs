//! Opening a device, and turning its failures into errors.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

pub use super::adapter::{Adapter, Parts, adapters};
use super::adapter::{instance, others, ranked, select};
pub use super::error::GpuError;

/// Bytes allocated on the device, by the label of the buffer.
#[derive(Debug, Default)]
pub struct MemoryStats(Mutex<BTreeMap<&'static str, u64>>);

impl MemoryStats {
    pub(super) fn allocated(&self, label: &'static str, bytes: u64) {
        *self.lock().entry(label).or_default() += bytes;
    }

    pub(super) fn freed(&self, label: &'static str, bytes: u64) {
        if let Some(held) = self.lock().get_mut(label) {
            *held -= bytes;
        }
    }

    /// Bytes of all live buffers.
    pub fn total(&self) -> u64 {
        self.lock().values().sum()
    }

    /// Bytes of the live buffers, by label.
    pub fn by_label(&self) -> Vec<(&'static str, u64)> {
        self.lock().iter().filter(|(_, bytes)| **bytes > 0).map(|(label, bytes)| (*label, *bytes)).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An open device. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Gpu {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) memory_stats: Arc<MemoryStats>,
    info: wgpu::AdapterInfo,
    failure: Arc<Mutex<Option<GpuError>>>,
    subgroups: bool,
}

/// The adapters that `--adapter` names, opened one after the other, best first.
#[derive(Debug)]
pub struct Candidates {
    instance: wgpu::Instance,
    waiting: std::vec::IntoIter<wgpu::Adapter>,
    /// Whether an adapter was given up and the next one has to be announced.
    passed: bool,
}

impl Candidates {
    /// # Errors
    /// No adapter at all, or none that matches.
    pub fn of(wanted: Option<&str>) -> Result<Self, GpuError> {
        let instance = instance();
        let adapters = ranked(&instance);
        if adapters.is_empty() {
            return Err(GpuError::NoAdapter);
        }
        let infos: Vec<_> = adapters.iter().map(wgpu::Adapter::get_info).collect();
        let chosen: Vec<_> = select(&infos, wanted)?.into_iter().map(|index| adapters[index].clone()).collect();
        Ok(Self { instance, waiting: chosen.into_iter(), passed: false })
    }

    /// Opens the best adapter left. One that does not open is named in a warning, and the next is tried.
    ///
    /// # Errors
    /// That of the last adapter, if it does not open either.
    pub fn open(&mut self) -> Result<(Gpu, Parts), GpuError> {
        loop {
            let adapter = self.waiting.next().ok_or(GpuError::NoAdapter)?;
            match Gpu::with_adapter(&adapter) {
                Ok(gpu) => {
                    if self.passed {
                        log::warn!("using {} instead", gpu.describe());
                    }
                    return Ok((gpu, Parts { adapter, instance: self.instance.clone() }));
                }
                Err(error) => self.pass_over(error)?,
            }
        }
    }

    /// Says why the adapter of the last [`Candidates::open`] will not do, so that the next can be opened.
    ///
    /// # Errors
    /// The same reason, if there is no next.
    pub fn pass_over(&mut self, reason: GpuError) -> Result<(), GpuError> {
        if self.waiting.len() == 0 {
            return Err(reason);
        }
        self.passed = true;
        log::warn!("{reason}");
        Ok(())
    }
}

impl Gpu {
    /// Opens the best adapter that opens, of all or of those that are named: by an index or part of a name in the list of
    /// `dapple adapters`, or by a back end and one of these, as in `vulkan:NVIDIA` and `dx12:0`.
    pub fn open(wanted: Option<&str>) -> Result<Self, GpuError> {
        Ok(Candidates::of(wanted)?.open()?.0)
    }

    fn with_adapter(adapter: &wgpu::Adapter) -> Result<Self, GpuError> {
        let info = adapter.get_info();
        if info.device_type == wgpu::DeviceType::Cpu {
            log::info!("no hardware GPU in use: running on the software adapter {}", info.name);
        }
        // Without Microsoft's newer compiler wgpu takes the old one, which works on the rasterizers for minutes and then
        // refuses them. It knows no subgroups, which every adapter of the newer one's shader model has.
        if info.backend == wgpu::Backend::Dx12 && !adapter.features().contains(wgpu::Features::SUBGROUP) {
            return Err(GpuError::NoCompiler { others: others(&info), adapter: info.name });
        }
        let optional = wgpu::Features::SUBGROUP | wgpu::Features::TIMESTAMP_QUERY;
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("dapple"),
            required_features: adapter.features() & optional,
            required_limits: adapter.limits(),
            experimental_features: wgpu::ExperimentalFeatures::disabled(),
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            trace: wgpu::Trace::Off,
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor)).map_err(|error| {
            let reason = error.to_string();
            GpuError::NoDevice { adapter: info.name.clone(), reason, others: others(&info) }
        })?;
        let failure = Arc::new(Mutex::new(None));
        watch(&device, &failure);
        let subgroups = device.features().contains(wgpu::Features::SUBGROUP);
        Ok(Self { device, queue, memory_stats: Arc::default(), info, failure, subgroups })
    }

    /// The same device with the subgroup forms of kernels switched off, to compare the two.
    pub fn without_subgroups(&self) -> Self {
        Self { subgroups: false, ..self.clone() }
    }

    /// Whether kernels may use subgroup operations.
    pub fn subgroups(&self) -> bool {
        self.subgroups
    }

    pub fn info(&self) -> &wgpu::AdapterInfo {
        &self.info
    }

    /// Whether this is a software adapter, which prefers serial kernel forms.
    pub fn is_software(&self) -> bool {
        self.info.device_type == wgpu::DeviceType::Cpu
    }

    /// Name, driver and its version in one line.
    pub fn describe(&self) -> String {
        format!("{} ({:?}, {} {})", self.info.name, self.info.backend, self.info.driver, self.info.driver_info)
            .replace("\n", " ")
    }

    /// The other adapters of this machine in words, for a message that asks for one of them.
    pub(super) fn others(&self) -> String {
        others(&self.info)
    }

    /// The error of a window that this adapter cannot present to.
    pub fn no_window(&self) -> GpuError {
        GpuError::NoWindow { adapter: self.info.name.clone(), others: self.others() }
    }

    pub fn memory_stats(&self) -> &MemoryStats {
        &self.memory_stats
    }

    pub fn device(&self) -> &wgpu::Device {
        &self.device
    }

    pub fn queue(&self) -> &wgpu::Queue {
        &self.queue
    }

    /// Waits until all submitted work is done.
    ///
    /// # Errors
    /// A lost device, or the first error reported since the last call.
    pub fn wait(&self) -> Result<(), GpuError> {
        let polled = self.device.poll(wgpu::PollType::wait_indefinitely());
        self.check()?;
        polled.map(|_| ()).map_err(|error| GpuError::Lost(error.to_string()))
    }

    /// The first failure that the device has reported since the last call, if any. A lost device stays lost.
    pub fn check(&self) -> Result<(), GpuError> {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        let lost = matches!(*failure, Some(GpuError::Lost(_)));
        match if lost { failure.clone() } else { failure.take() } {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

/// Records a lost device, or else the first uncaptured error, for [`Gpu::check`] to return. Once a device is lost all
/// else fails too, and the loss is the reason to be told.
fn watch(device: &wgpu::Device, failure: &Arc<Mutex<Option<GpuError>>>) {
    let slot = failure.clone();
    device.set_device_lost_callback(move |reason, message| {
        let message = if message.is_empty() { format!("{reason:?}") } else { message };
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(GpuError::Lost(message));
    });
    let slot = failure.clone();
    device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
        let error = match error {
            wgpu::Error::OutOfMemory { .. } => GpuError::Reported("out of memory".into()),
            other => GpuError::Reported(other.to_string()),
        };
        slot.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }));
}
