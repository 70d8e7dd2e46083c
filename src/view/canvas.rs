//! The texture in which the window shows the stage's pixels; they get there on the device.

use eframe::egui::TextureId;
use eframe::egui_wgpu::RenderState;

use crate::gpu::Gpu;
use crate::render::Presenter;

/// A texture of the size of the picture.
#[derive(Default)]
pub struct Canvas {
    /// Absent where there is no window, as in tests of the panels.
    window: Option<RenderState>,
    texture: Option<(wgpu::Texture, TextureId)>,
}

impl Canvas {
    pub fn new(window: Option<RenderState>) -> Self {
        Self { window, texture: None }
    }

    /// Takes over the pixels of a picture of a size.
    pub fn show(&mut self, gpu: &Gpu, presenter: &Presenter, (width, height): (u32, u32)) {
        let Some(window) = &self.window else { return };
        let size = wgpu::Extent3d { width, height, depth_or_array_layers: 1 };
        if self.texture.as_ref().is_none_or(|(texture, _)| texture.size() != size) {
            let texture = gpu.device().create_texture(&wgpu::TextureDescriptor {
                label: Some("picture"),
                size,
                mip_level_count: 1,
                sample_count: 1,
                dimension: wgpu::TextureDimension::D2,
                format: wgpu::TextureFormat::Rgba8Unorm,
                usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
                view_formats: &[],
            });
            let view = texture.create_view(&Default::default());
            let mut renderer = window.renderer.write();
            if let Some((_, old)) = self.texture.take() {
                renderer.free_texture(&old);
            }
            let id = renderer.register_native_texture(gpu.device(), &view, wgpu::FilterMode::Nearest);
            self.texture = Some((texture, id));
        }
        if let Some((texture, _)) = &self.texture {
            presenter.copy_to(texture);
        }
    }

    pub fn id(&self) -> Option<TextureId> {
        self.texture.as_ref().map(|(_, id)| *id)
    }
}
