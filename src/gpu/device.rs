//! Choosing an adapter, opening a device, and turning its failures into errors.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What can go wrong on the GPU.
#[derive(Clone, Debug, thiserror::Error)]
pub enum GpuError {
    #[error("no GPU adapter was found; install a Vulkan driver (on Debian: mesa-vulkan-drivers libvulkan1)")]
    NoAdapter,
    #[error("no adapter matches \"{wanted}\"; `dapple adapters` lists them: {found}")]
    NoSuchAdapter { wanted: String, found: String },
    #[error("the adapter \"{adapter}\" refused a device: {reason}")]
    NoDevice { adapter: String, reason: String },
    #[error(
        "the buffer \"{buffer}\" needs {bytes} bytes, above the adapter's {limit} of {value}; use fewer Gaussians (--cap-max) or a smaller --max-resolution"
    )]
    TooLarge { buffer: &'static str, bytes: u64, limit: &'static str, value: u64 },
    #[error(
        "out of GPU memory: the buffer \"{buffer}\" needs {bytes} bytes on top of {allocated}; use fewer Gaussians (--cap-max) or a smaller --max-resolution"
    )]
    OutOfMemory { buffer: &'static str, bytes: u64, allocated: u64 },
    #[error("the GPU device was lost ({0}); the last checkpoint is intact, go on with --resume")]
    Lost(String),
    #[error("the GPU reported an error: {0}")]
    Reported(String),
}

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

/// An adapter of this machine, as `dapple adapters` lists it.
#[derive(Clone, Debug)]
pub struct Adapter {
    pub index: usize,
    pub info: wgpu::AdapterInfo,
}

impl std::fmt::Display for Adapter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let info = &self.info;
        write!(
            f,
            "{}: {} ({:?}, {:?}, {} {})",
            self.index, info.name, info.device_type, info.backend, info.driver, info.driver_info
        )
    }
}

/// Where a device comes from.
#[derive(Clone, Debug)]
pub struct Parts {
    pub instance: wgpu::Instance,
    pub adapter: wgpu::Adapter,
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

fn instance() -> wgpu::Instance {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    // The validation pass would double every indirect dispatch; our own kernels bound their arguments.
    descriptor.flags = wgpu::InstanceFlags::from_build_config() - wgpu::InstanceFlags::VALIDATION_INDIRECT_CALL;
    wgpu::Instance::new(descriptor)
}

/// Real GPUs first, software last; the order that `--adapter INDEX` counts in.
fn ranked(instance: &wgpu::Instance) -> Vec<wgpu::Adapter> {
    let mut adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY));
    adapters.sort_by_key(|adapter| match adapter.get_info().device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    });
    adapters
}

/// All adapters of this machine, best first.
pub fn adapters() -> Vec<Adapter> {
    ranked(&instance()).iter().enumerate().map(|(index, a)| Adapter { index, info: a.get_info() }).collect()
}

impl Gpu {
    /// Opens the best adapter, or the one whose index or part of whose name is given.
    pub fn open(wanted: Option<&str>) -> Result<Self, GpuError> {
        Self::open_with_parts(wanted).map(|(gpu, _)| gpu)
    }

    /// As [`Gpu::open`], with what a window needs besides to draw with the same device.
    pub fn open_with_parts(wanted: Option<&str>) -> Result<(Self, Parts), GpuError> {
        let instance = instance();
        let adapters = ranked(&instance);
        if adapters.is_empty() {
            return Err(GpuError::NoAdapter);
        }
        let chosen = match wanted {
            None => &adapters[0],
            Some(wanted) => find(&adapters, wanted)?,
        };
        let gpu = Self::with_adapter(chosen)?;
        Ok((gpu, Parts { adapter: chosen.clone(), instance }))
    }

    fn with_adapter(adapter: &wgpu::Adapter) -> Result<Self, GpuError> {
        let info = adapter.get_info();
        if info.device_type == wgpu::DeviceType::Cpu {
            log::info!("no hardware GPU in use: running on the software adapter {}", info.name);
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
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))
            .map_err(|error| GpuError::NoDevice { adapter: info.name.clone(), reason: error.to_string() })?;
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

fn find<'a>(adapters: &'a [wgpu::Adapter], wanted: &str) -> Result<&'a wgpu::Adapter, GpuError> {
    let index = wanted.parse::<usize>().ok();
    let by_index = index.and_then(|index| adapters.get(index));
    // An index that is out of range must not match a version number in a name; model numbers have more digits.
    let named = index.is_none_or(|index| index >= 100) && !wanted.trim().is_empty();
    let matches =
        |adapter: &&wgpu::Adapter| named && adapter.get_info().name.to_lowercase().contains(&wanted.to_lowercase());
    by_index.or_else(|| adapters.iter().find(matches)).ok_or_else(|| GpuError::NoSuchAdapter {
        wanted: wanted.to_string(),
        found: adapters.iter().map(|a| a.get_info().name).collect::<Vec<_>>().join("; "),
    })
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
