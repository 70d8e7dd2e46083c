//! The pixels of the picture in the window: read on the device by the window's own pass, as they are.

use eframe::egui::{PaintCallbackInfo, Rect, Shape};
use eframe::egui_wgpu::{Callback, CallbackResources, CallbackTrait, RenderState};

use crate::render::Presenter;

/// Draws the pixels that a [`Presenter`] holds.
pub struct WindowPass {
    /// Absent where there is no window, as in tests of the panels.
    pipeline: Option<wgpu::RenderPipeline>,
}

/// A draw of the pixels, with all that it reads.
struct Picture {
    pipeline: wgpu::RenderPipeline,
    inputs: wgpu::BindGroup,
}

impl CallbackTrait for Picture {
    fn paint(&self, _: PaintCallbackInfo, pass: &mut wgpu::RenderPass<'static>, _: &CallbackResources) {
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.inputs, &[]);
        pass.draw(0..3, 0..1);
    }
}

impl WindowPass {
    pub fn new(window: Option<&RenderState>) -> Self {
        Self { pipeline: window.map(pipeline) }
    }

    /// The picture that the presenter holds now, over a rectangle of the window.
    pub fn shape(&self, presenter: &Presenter, rect: Rect) -> Option<Shape> {
        let pipeline = self.pipeline.clone()?;
        let inputs = presenter.bind_pixels(&pipeline.get_bind_group_layout(0));
        Some(Shape::Callback(Callback::new_paint_callback(rect, Picture { pipeline, inputs })))
    }
}

fn pipeline(window: &RenderState) -> wgpu::RenderPipeline {
    let module = window.device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some("picture.wgsl"),
        source: wgpu::ShaderSource::Wgsl(include_str!("../../../shaders/view/window.wgsl").into()),
    });
    let format = window.target_format;
    let entry = if format.is_srgb() { "linear_light" } else { "display_referred" };
    window.device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some("picture"),
        layout: None,
        vertex: wgpu::VertexState {
            module: &module,
            entry_point: Some("corner"),
            compilation_options: Default::default(),
            buffers: &[],
        },
        primitive: Default::default(),
        depth_stencil: None,
        multisample: Default::default(),
        fragment: Some(wgpu::FragmentState {
            module: &module,
            entry_point: Some(entry),
            compilation_options: Default::default(),
            targets: &[Some(format.into())],
        }),
        multiview_mask: None,
        cache: None,
    })
}
