//! The frames of a page: the plan replayed on this machine's adapter, as a page's script does in a browser, makes the very
//! image and pixels that the renderer makes.

use dapple::camera::{Camera, Lens, Pose};
use dapple::gpu::Gpu;
use dapple::gpu::kernel::Access;
use dapple::gpu::plan::{Groups, Offsets, Step};
use dapple::model::{Model, sh_rest};
use dapple::render::plan::{FramePlan, PAIRS, PIXELS, TILES, frame_plan};
use dapple::render::{Channel, DisplayMode, LaneForm, Presenter, RenderOptions, Renderer, View};
use dapple::scene::Scene;
use glam::{DVec3, Vec3, Vec4, dvec3};

use crate::support::{gpu, made, moving};

const SIZE: (u32, u32) = (83, 50);
const BACKGROUND: Vec3 = Vec3::new(0.2, 0.4, 0.1);
const FLOW_STEP: f32 = 0.125;

/// A host of a plan.
struct Replay<'a> {
    gpu: Gpu,
    plan: &'a FramePlan,
    pairs: u64,
    buffers: Vec<wgpu::Buffer>,
    pipelines: Vec<(wgpu::ComputePipeline, wgpu::BindGroupLayout)>,
}

impl<'a> Replay<'a> {
    fn new(plan: &'a FramePlan) -> Self {
        let gpu = gpu();
        let mut replay = Self { gpu, plan, pairs: plan.pair_unit, buffers: Vec::new(), pipelines: Vec::new() };
        for buffer in &plan.plan.buffers {
            let size = replay.value(buffer.bytes).max(1).next_multiple_of(16);
            use wgpu::BufferUsages as Usage;
            let usage = Usage::STORAGE | Usage::UNIFORM | Usage::INDIRECT | Usage::COPY_SRC | Usage::COPY_DST;
            let descriptor =
                wgpu::BufferDescriptor { label: Some(buffer.name), size, usage, mapped_at_creation: false };
            let made = replay.gpu.device().create_buffer(&descriptor);
            let words: Vec<u32> = buffer.words.iter().map(|word| replay.value(*word) as u32).collect();
            replay.gpu.queue().write_buffer(&made, 0, bytemuck::cast_slice(&words));
            replay.buffers.push(made);
        }
        replay.pipelines = plan.plan.pipelines.iter().map(|pipeline| replay.compiled(pipeline)).collect();
        replay
    }

    fn compiled(&self, plan: &dapple::gpu::plan::PipelinePlan) -> (wgpu::ComputePipeline, wgpu::BindGroupLayout) {
        let device = self.gpu.device();
        let buffer = |access: &Access| match access {
            Access::Uniform => wgpu::BufferBindingType::Uniform,
            Access::Read => wgpu::BufferBindingType::Storage { read_only: true },
            Access::Write => wgpu::BufferBindingType::Storage { read_only: false },
        };
        let entry = |(binding, access): (usize, &Access)| wgpu::BindGroupLayoutEntry {
            binding: binding as u32,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer { ty: buffer(access), has_dynamic_offset: false, min_binding_size: None },
            count: None,
        };
        let entries: Vec<_> = plan.bindings.iter().enumerate().map(entry).collect();
        let layout = device
            .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(plan.name), entries: &entries });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(plan.name),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(plan.name),
            source: wgpu::ShaderSource::Wgsl(plan.code.as_str().into()),
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(plan.name),
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: Default::default(),
            cache: None,
        });
        (pipeline, layout)
    }

    fn stride(&self) -> u32 {
        SIZE.0.next_multiple_of(self.plan.row_unit)
    }

    fn value(&self, size: dapple::gpu::plan::Size) -> u64 {
        size.value(|quantity| match quantity {
            PAIRS => self.pairs,
            PIXELS => u64::from(self.stride() * SIZE.1),
            TILES => u64::from(SIZE.0.div_ceil(self.plan.tile) * SIZE.1.div_ceil(self.plan.tile)),
            other => panic!("the quantity {other} is not known"),
        })
    }

    fn index(&self, name: &str) -> usize {
        self.plan.plan.buffers.iter().position(|buffer| buffer.name == name).expect(name)
    }

    fn write<T: bytemuck::Pod>(&self, name: &str, data: &[T]) {
        self.gpu.queue().write_buffer(&self.buffers[self.index(name)], 0, bytemuck::cast_slice(data));
    }

    fn record(&self, pass: &mut wgpu::ComputePass<'_>, step: &Step) {
        let (pipeline, layout) = &self.pipelines[step.pipeline];
        let entry = |(binding, buffer): (usize, &dapple::gpu::plan::PlanBuffer)| wgpu::BindGroupEntry {
            binding: binding as u32,
            resource: self.buffers[buffer.0].as_entire_binding(),
        };
        let entries: Vec<_> = step.buffers.iter().enumerate().map(entry).collect();
        let group =
            self.gpu.device().create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout, entries: &entries });
        pass.set_pipeline(pipeline);
        pass.set_bind_group(0, &group, &[]);
        match step.groups {
            Groups::Direct(size) => {
                let (groups, row) = (self.value(size) as u32, self.plan.plan.grid_row);
                pass.dispatch_workgroups(groups.min(row), groups.div_ceil(row), 1);
            }
            Groups::Indirect(arguments) => pass.dispatch_workgroups_indirect(&self.buffers[arguments.0], 0),
        }
    }

    /// Runs a program and reads a buffer's words.
    fn run(&self, program: &str, capacity: u64, read: &str) -> Vec<u32> {
        self.write("status", &words(&self.plan.status, &[("capacity", capacity as u32)]));
        let device = self.gpu.device();
        let source = &self.buffers[self.index(read)];
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let descriptor = wgpu::BufferDescriptor { label: None, size: source.size(), usage, mapped_at_creation: false };
        let staging = device.create_buffer(&descriptor);
        let mut encoder = device.create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        self.plan.plan.programs[program].iter().for_each(|step| self.record(&mut pass, step));
        drop(pass);
        encoder.copy_buffer_to_buffer(source, 0, &staging, 0, source.size());
        self.gpu.queue().submit([encoder.finish()]);
        staging.map_async(wgpu::MapMode::Read, .., |_| {});
        self.gpu.wait().unwrap();
        let view = staging.get_mapped_range(..).unwrap();
        bytemuck::cast_slice(&view).to_vec()
    }
}

/// A struct of words, most of them zero.
fn words(offsets: &Offsets, values: &[(&str, u32)]) -> Vec<u32> {
    let mut words = vec![0; offsets[""] / 4];
    values.iter().for_each(|(name, value)| words[offsets[name] / 4] = *value);
    words
}

fn camera() -> Camera {
    let lens = Lens::from_fov_x(0.9, SIZE.0, SIZE.1);
    Camera { pose: Pose::look_at(dvec3(1.5, 0.8, -3.5), DVec3::splat(0.1), DVec3::Y), lens }
}

fn options(scene: &Scene, channel: Channel) -> RenderOptions {
    let (sh_degree, antialiased) = (scene.sh_degree, scene.antialiased);
    RenderOptions { background: BACKGROUND, channel, sh_degree, antialiased, near: 0.01, time: 0.3 }
}

/// What the plan of a scene makes against what the renderer and the presenter make, of one program.
fn compare(scene: &Scene, replay: &Replay, program: &str, channel: Channel, mode: DisplayMode) {
    let gpu = gpu();
    let (model, camera, options) = (Model::upload(&gpu, scene).unwrap(), camera(), options(scene, channel));
    let form = LaneForm { lanes: 32, subgroups: false };
    let (mut renderer, mut presenter) =
        (Renderer::with_form(&gpu, form, false).unwrap(), Presenter::new(&gpu).unwrap());
    presenter.resize(SIZE).unwrap();
    let (range, unit) = ((0.5, 4.0), 1.25);
    if mode == DisplayMode::Flow {
        let later = (&camera, options.time + FLOW_STEP);
        let after = |recorder: &mut dapple::gpu::Recorder, frame: &dapple::render::Frame, view: &View| {
            presenter.record_flow(recorder, frame, view);
            presenter.record(recorder, frame, mode, range, unit);
        };
        renderer.draw_flow(&model, &camera, &options, later, false, after).unwrap();
    } else {
        let after = |recorder: &mut dapple::gpu::Recorder, frame: &dapple::render::Frame, _: &View| {
            presenter.record(recorder, frame, mode, range, unit);
        };
        renderer.draw(&model, &camera, &options, false, after).unwrap();
    }
    let count = (SIZE.0 * SIZE.1) as usize;
    let want: Vec<Vec4> = gpu.read_range(renderer.frame().image(), 0, count).unwrap();

    let background = if channel == Channel::Color { BACKGROUND } else { Vec3::ZERO };
    let view = View::new(&camera, scene.len(), options.near);
    let view = view.with_colour(background, scene.sh_degree, scene.antialiased).at(options.time);
    let view = View { sh_rest: sh_rest(scene.sh_degree) as u32, ..view };
    replay.write("view", &[view]);
    if mode == DisplayMode::Flow {
        replay.write("target", &[view.at(options.time + FLOW_STEP)]);
    }
    let float = f32::to_bits;
    let settings = [
        ("width", SIZE.0),
        ("height", SIZE.1),
        ("stride", replay.stride()),
        ("mode", mode as u32),
        ("low", float(range.0)),
        ("high", float(range.1)),
        ("unit", float(unit)),
    ];
    replay.write("presentation", &words(&replay.plan.presentation, &settings));
    let got = replay.run(program, replay.pairs, "image");
    let want_bits: Vec<u32> = want.iter().flat_map(|pixel| pixel.to_array().map(f32::to_bits)).collect();
    assert!(got[..4 * count] == want_bits, "{program}: the images differ");
    assert!(want.iter().filter(|pixel| pixel.w < 0.9).count() > count / 50, "{program}: an empty image");
    let pixels = replay.run(program, replay.pairs, "pixels");
    let rows = pixels.chunks_exact(replay.stride() as usize).take(SIZE.1 as usize);
    let shown: Vec<[u8; 3]> = rows
        .flat_map(|row| &row[..SIZE.0 as usize])
        .map(|word| [*word as u8, (word >> 8) as u8, (word >> 16) as u8])
        .collect();
    assert!(shown == presenter.read().unwrap(), "{program}: the pixels differ");
}

fn replay_of<'a>(scene: &Scene, plan: &'a FramePlan) -> Replay<'a> {
    let gpu = gpu();
    let (replay, model) = (Replay::new(plan), Model::upload(&gpu, scene).unwrap());
    replay.write("geometry", &gpu.read(&model.rows.geometry).unwrap());
    replay.write("sh", &gpu.read(&model.rows.sh).unwrap());
    if scene.motion.is_some() {
        replay.write("motion", &gpu.read(&model.rows.motion).unwrap());
    }
    replay
}

#[test]
fn a_plan_replays_the_renderers_frames_to_the_bit() {
    let still = made::scene(900, 3);
    let plan = frame_plan(&still);
    assert_eq!(plan.plan.programs.keys().copied().collect::<Vec<_>>(), ["color", "depth"]);
    let replay = replay_of(&still, &plan);
    compare(&still, &replay, "color", Channel::Color, DisplayMode::Color);
    compare(&still, &replay, "depth", Channel::Depth, DisplayMode::Depth);

    for moving in [moving::scene(901, 1), moving::curved(901, 1)] {
        let plan = frame_plan(&moving);
        let replay = replay_of(&moving, &plan);
        compare(&moving, &replay, "color", Channel::Color, DisplayMode::Color);
        compare(&moving, &replay, "depth", Channel::Depth, DisplayMode::Depth);
        compare(&moving, &replay, "flow", Channel::Color, DisplayMode::Flow);
        // A frame that does not fit says what it needs and admits nothing.
        let status = replay.run("color", 1, "status");
        assert_eq!(status[plan.status["overflowed"] / 4], 1);
        assert!(status[plan.status["needed"] / 4] > 100, "{status:?}");
    }
}

/// A page is for what every browser grants.
#[test]
fn a_plan_keeps_to_what_browsers_promise() {
    let plan = frame_plan(&moving::curved(5000, 3));
    for pipeline in &plan.plan.pipelines {
        let storage = pipeline.bindings.iter().filter(|access| **access != Access::Uniform).count();
        assert!(storage <= 8, "{} binds {storage} storage buffers", pipeline.name);
        let code = pipeline.code.lines().filter_map(|line| line.split("//").next());
        assert!(!code.into_iter().any(|line| line.contains("subgroup")), "{} needs subgroups", pipeline.name);
    }
    // Sizes that grow with the pairs are whole at every multiple of their unit.
    for buffer in &plan.plan.buffers {
        for size in buffer.words.iter().chain([&buffer.bytes]) {
            if let dapple::gpu::plan::Size::Of(PAIRS, times, per) = *size {
                assert_eq!(plan.pair_unit * times % per, 0, "{}", buffer.name);
            }
        }
    }
    assert!(plan.plan.pipelines.len() < 24, "each kernel is there once: {}", plan.plan.pipelines.len());
}
