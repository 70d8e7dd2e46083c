//! Compiled kernels, and their dispatch.

use std::marker::PhantomData;

use super::buffer::Buffer;
use super::check::{Checked, check};
use super::device::{Gpu, GpuError};
use super::kernel::{Access, Binding, Kernel};
use super::plan::GRID_ROW;
use super::wgsl::Constants;

/// A kernel ready to run in one variant.
#[derive(Debug)]
pub struct Pipeline<K> {
    gpu: Gpu,
    pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
    /// Which of the declaration's bindings this variant has.
    present: Vec<bool>,
    /// Of a workgroup.
    invocations: u32,
    kernel: PhantomData<fn(K)>,
}

impl Gpu {
    /// Checks, compiles and lays out a kernel with some of its constants replaced.
    ///
    /// # Errors
    /// The first limit of the adapter that the kernel's bindings exceed, or the driver's refusal.
    pub fn pipeline<K: Kernel>(&self, overrides: &Constants) -> Result<Pipeline<K>, GpuError> {
        let declaration = K::DECLARATION;
        let Checked { source, invocations } = check(&declaration, overrides).map_err(GpuError::Reported)?;
        let constants = declaration.constants_with(overrides);
        let (bindings, present) = (declaration.bindings_with(&constants), declaration.present(&constants));
        let storage = bindings.iter().filter(|b| b.access != Access::Uniform).count() as u32;
        let most = self.device.limits().max_storage_buffers_per_shader_stage;
        if storage > most {
            // Kernels of moving Gaussians bind more; a constant of that name makes them.
            let moves = constants.iter().any(|(name, value)| *name == "MOTION" && *value > 0);
            let remedy = if moves { "train the clip without motion (--static); " } else { "" };
            return Err(GpuError::TooManyBuffers {
                kernel: declaration.name,
                needed: storage,
                value: most,
                remedy,
                others: self.others(),
            });
        }
        // Loop bounding would keep drivers from unrolling the loops whose arrays must live in registers. Each loop of
        // our shaders ends by construction; bounds checks on buffers stay on.
        let checks = wgpu::ShaderRuntimeChecks { force_loop_bounding: false, ..wgpu::ShaderRuntimeChecks::checked() };
        let descriptor = wgpu::ShaderModuleDescriptor {
            label: Some(declaration.name),
            source: wgpu::ShaderSource::Wgsl(source.into()),
        };
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        // SAFETY: the modules are our own; every loop in them terminates.
        let module = unsafe { self.device.create_shader_module_trusted(descriptor, checks) };
        let layout = self.bind_group_layout(declaration.name, &bindings);
        let pipeline_layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(declaration.name),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(declaration.name),
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                // Every kernel writes its workgroup memory before it reads it.
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: None,
        });
        match pollster::block_on(scope.pop()) {
            Some(error) => Err(GpuError::Reported(format!("{}: {error}", declaration.name))),
            None => Ok(Pipeline { gpu: self.clone(), pipeline, layout, present, invocations, kernel: PhantomData }),
        }
    }

    fn bind_group_layout(&self, name: &str, bindings: &[Binding]) -> wgpu::BindGroupLayout {
        let entries: Vec<_> = bindings
            .iter()
            .enumerate()
            .map(|(index, binding)| wgpu::BindGroupLayoutEntry {
                binding: index as u32,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer {
                    ty: match binding.access {
                        Access::Uniform => wgpu::BufferBindingType::Uniform,
                        Access::Read => wgpu::BufferBindingType::Storage { read_only: true },
                        Access::Write => wgpu::BufferBindingType::Storage { read_only: false },
                    },
                    has_dynamic_offset: false,
                    min_binding_size: None,
                },
                count: None,
            })
            .collect();
        self.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(name), entries: &entries })
    }
}

impl<K: Kernel> Pipeline<K> {
    /// Dispatches as many whole workgroups as `invocations` need, folded as by [`Pipeline::dispatch_groups`]: the
    /// shader takes its index from `flat_group` of `math/grid.wgsl`, and its last invocations may have nothing to do.
    pub fn dispatch<B: Kernel<Static = K>>(&self, pass: &mut wgpu::ComputePass<'_>, kernel: &B, invocations: u32) {
        self.dispatch_groups(pass, kernel, invocations.div_ceil(self.invocations));
    }

    /// Dispatches `groups` workgroups, folded in two dimensions as `math/grid.wgsl` says: for kernels whose unit of work is
    /// a workgroup's.
    pub fn dispatch_groups<B: Kernel<Static = K>>(&self, pass: &mut wgpu::ComputePass<'_>, kernel: &B, groups: u32) {
        if groups > 0 {
            self.bind(pass, &kernel.buffers());
            pass.dispatch_workgroups(groups.min(GRID_ROW), groups.div_ceil(GRID_ROW), 1);
        }
    }

    /// Dispatches as many workgroups as the three words of `arguments` from word `at` on say.
    pub fn dispatch_indirect<B: Kernel<Static = K>>(
        &self,
        pass: &mut wgpu::ComputePass<'_>,
        kernel: &B,
        arguments: &Buffer<u32>,
        at: usize,
    ) {
        self.bind(pass, &kernel.buffers());
        pass.dispatch_workgroups_indirect(arguments.raw(), 4 * at as u64);
    }

    fn bind(&self, pass: &mut wgpu::ComputePass<'_>, buffers: &[&wgpu::Buffer]) {
        let entries: Vec<_> = buffers
            .iter()
            .zip(&self.present)
            .filter_map(|(buffer, present)| present.then_some(buffer))
            .enumerate()
            .map(|(index, buffer)| wgpu::BindGroupEntry { binding: index as u32, resource: buffer.as_entire_binding() })
            .collect();
        let group = self.gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &self.layout,
            entries: &entries,
        });
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &group, &[]);
    }
}
