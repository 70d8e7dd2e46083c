//! The adapters of this machine: their order, and the words by which `--adapter` chooses among them.

use super::error::GpuError;

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

pub(super) fn instance() -> wgpu::Instance {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    // The validation pass would double every indirect dispatch; our own kernels bound their arguments.
    descriptor.flags = wgpu::InstanceFlags::from_build_config() - wgpu::InstanceFlags::VALIDATION_INDIRECT_CALL;
    wgpu::Instance::new(descriptor)
}

/// Real GPUs first, software last; the order that `--adapter INDEX` counts in.
pub(super) fn ranked(instance: &wgpu::Instance) -> Vec<wgpu::Adapter> {
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

/// What an adapter can do.
#[derive(Clone, Debug)]
pub struct Ability {
    pub adapter: Adapter,
    pub limits: wgpu::Limits,
    pub subgroups: bool,
    pub timestamps: bool,
}

/// All adapters of this machine with what they can do, best first.
pub fn abilities() -> Vec<Ability> {
    let ability = |(index, adapter): (usize, &wgpu::Adapter)| Ability {
        adapter: Adapter { index, info: adapter.get_info() },
        limits: adapter.limits(),
        subgroups: adapter.features().contains(wgpu::Features::SUBGROUP),
        timestamps: adapter.features().contains(wgpu::Features::TIMESTAMP_QUERY),
    };
    ranked(&instance()).iter().enumerate().map(ability).collect()
}

/// The other adapters of this machine in words, for a message that asks for one of them.
pub(super) fn others(than: &wgpu::AdapterInfo) -> String {
    let is_other = |adapter: &Adapter| {
        let info = &adapter.info;
        (info.backend, &info.name, info.device) != (than.backend, &than.name, than.device)
    };
    let listed: Vec<String> = adapters().iter().filter(|adapter| is_other(adapter)).map(short).collect();
    match listed.as_slice() {
        [] => "this machine has no other adapter".into(),
        listed => format!("--adapter chooses another: {}", listed.join("; ")),
    }
}

fn short(adapter: &Adapter) -> String {
    format!("{}: {} ({:?})", adapter.index, adapter.info.name, adapter.info.backend)
}

/// The back end that a word names.
fn backend(word: &str) -> Option<wgpu::Backend> {
    Some(match word.trim().to_lowercase().as_str() {
        "vulkan" => wgpu::Backend::Vulkan,
        "metal" => wgpu::Backend::Metal,
        "dx12" => wgpu::Backend::Dx12,
        _ => return None,
    })
}

/// Indices of the adapters that `wanted` names, best first: all for `None`; an index; part of a name; or a back end, alone
/// or followed by `:` and an index among its adapters or part of a name, as in `vulkan:NVIDIA` and `dx12:0`.
///
/// # Errors
/// No adapter matches.
pub(super) fn select(adapters: &[wgpu::AdapterInfo], wanted: Option<&str>) -> Result<Vec<usize>, GpuError> {
    let all: Vec<usize> = (0..adapters.len()).collect();
    let Some(wanted) = wanted else { return Ok(all) };
    let (first, rest) = wanted.split_once(':').unwrap_or((wanted, ""));
    let matches = match backend(first) {
        Some(backend) => {
            let of_backend: Vec<usize> = all.into_iter().filter(|&i| adapters[i].backend == backend).collect();
            if rest.trim().is_empty() { of_backend } else { named(adapters, &of_backend, rest.trim()) }
        }
        None => named(adapters, &all, wanted),
    };
    if matches.is_empty() {
        let list = adapters.iter().enumerate().map(|(index, info)| short(&Adapter { index, info: info.clone() }));
        return Err(GpuError::NoSuchAdapter { wanted: wanted.to_string(), found: list.collect::<Vec<_>>().join("; ") });
    }
    Ok(matches)
}

/// Those of the indices `among` that a position in it, or part of a name, chooses.
fn named(adapters: &[wgpu::AdapterInfo], among: &[usize], wanted: &str) -> Vec<usize> {
    let position = wanted.trim().parse::<usize>().ok();
    if let Some(&index) = position.and_then(|position| among.get(position)) {
        return vec![index];
    }
    // A position that is out of range must not match a version number in a name; model numbers have more digits.
    if position.is_some_and(|position| position < 100) || wanted.trim().is_empty() {
        return Vec::new();
    }
    let wanted = wanted.to_lowercase();
    among.iter().copied().filter(|&i| adapters[i].name.to_lowercase().contains(&wanted)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(name: &str, device_type: wgpu::DeviceType, backend: wgpu::Backend) -> wgpu::AdapterInfo {
        wgpu::AdapterInfo { name: name.into(), ..wgpu::AdapterInfo::new(device_type, backend) }
    }

    #[test]
    fn words_choose_adapters() {
        use wgpu::Backend::{Dx12, Vulkan};
        use wgpu::DeviceType::{Cpu, DiscreteGpu, IntegratedGpu};
        let there = [
            info("NVIDIA GeForce RTX 4090", DiscreteGpu, Vulkan),
            info("NVIDIA GeForce RTX 4090", DiscreteGpu, Dx12),
            info("Intel(R) UHD Graphics 770", IntegratedGpu, Vulkan),
            info("llvmpipe (LLVM 19.1.7, 256 bits)", Cpu, Vulkan),
        ];
        let chosen = |wanted: &str| select(&there, Some(wanted)).ok();
        assert_eq!(select(&there, None).expect("all"), [0, 1, 2, 3]);
        assert_eq!(chosen("2"), Some(vec![2]));
        assert_eq!(chosen("nvidia"), Some(vec![0, 1]), "the second where the first does not open");
        assert_eq!(chosen("4090"), Some(vec![0, 1]));
        assert_eq!(chosen("dx12:NVIDIA"), Some(vec![1]));
        assert_eq!(chosen("DX12:0"), Some(vec![1]));
        assert_eq!(chosen("vulkan:1"), Some(vec![2]));
        assert_eq!(chosen("vulkan"), Some(vec![0, 2, 3]));
        assert_eq!(chosen("vulkan:"), Some(vec![0, 2, 3]));
        for wanted in ["7", "19", "vulkan:9", "metal", "metal:0", "dx12:llvm", "", " ", "Radeon"] {
            assert_eq!(chosen(wanted), None, "{wanted:?} names none");
        }
        let error = select(&there, Some("Radeon")).expect_err("none").to_string();
        assert!(error.contains("\"Radeon\"") && error.contains("1: NVIDIA GeForce RTX 4090 (Dx12)"), "{error}");
    }
}
