//! The formats: their names and extensions, and what each can hold.

use std::path::Path;

/// Name of an unbundled SOG's description, in a folder with its images.
pub const SOG_META: &str = "meta.json";

/// Name of a streamed SOG's description, in a folder with the scenes that it is made of.
pub const LOD_META: &str = "lod-meta.json";

/// The formats of scene files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// INRIA PLY (docs/formats.md 1.1).
    Ply,
    /// PlayCanvas compressed PLY (docs/formats.md 1.2).
    CompressedPly,
    /// antimatter15's splat, 32 bytes per Gaussian (docs/formats.md 1.3).
    Splat,
    /// Niantic's SPZ (docs/formats.md 1.4).
    Spz,
    /// PlayCanvas SOG, bundled or as a folder with [`SOG_META`] (docs/formats.md 1.5).
    Sog,
    /// The same with levels of detail, as a folder with [`LOD_META`].
    Lod,
    /// mkkellogg's ksplat (docs/formats.md 1.6).
    Ksplat,
    /// XGRIDS's LCC, a folder with a `.lcc` file (docs/formats.md 1.15).
    Lcc,
    /// Binary glTF with KHR_gaussian_splatting (docs/formats.md 1.7).
    Glb,
    /// glTF as JSON with KHR_gaussian_splatting; its data are in a `.bin` file beside it, or inline.
    Gltf,
    /// OpenUSD text with ParticleField3DGaussianSplat (docs/formats.md 1.8).
    Usda,
    /// A USD package with such a layer.
    Usdz,
    /// A web page that shows the scene.
    Html,
    /// Dapple's own container, which stores a scene without loss.
    Dapple,
    /// Spacetime Gaussians' "lite" PLY (docs/formats.md 1.9).
    SpacetimePly,
    /// splaTV's texture (docs/formats.md 1.9).
    Splatv,
    /// FreeTimeGS's PLY (docs/formats.md 1.12).
    FtgsPly,
    /// SOG in motion (docs/formats.md 1.13).
    Tsog,
    /// Avala's 4DGS container (docs/formats.md 1.14).
    FourD,
}

impl Format {
    /// Every format. The extension of one that is missing here is not known.
    pub const ALL: [Self; 19] = [
        Self::Ply,
        Self::CompressedPly,
        Self::Splat,
        Self::Spz,
        Self::Sog,
        Self::Lod,
        Self::Ksplat,
        Self::Lcc,
        Self::Glb,
        Self::Gltf,
        Self::Usda,
        Self::Usdz,
        Self::Html,
        Self::Dapple,
        Self::SpacetimePly,
        Self::Splatv,
        Self::FtgsPly,
        Self::Tsog,
        Self::FourD,
    ];

    /// The name of the format in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ply => "PLY",
            Self::CompressedPly => "compressed PLY",
            Self::Splat => "splat",
            Self::Spz => "SPZ",
            Self::Sog => "SOG",
            Self::Lod => "streamed SOG",
            Self::Ksplat => "ksplat",
            Self::Lcc => "LCC",
            Self::Glb => "glTF binary",
            Self::Gltf => "glTF",
            Self::Usda => "USD text",
            Self::Usdz => "USD package",
            Self::Html => "web page",
            Self::Dapple => "Dapple",
            Self::SpacetimePly => "Spacetime PLY",
            Self::Splatv => "splatv",
            Self::FtgsPly => "FreeTimeGS PLY",
            Self::Tsog => "TSOG",
            Self::FourD => "4DGS",
        }
    }

    /// Extensions of the format's files, in lower case, the preferred one first.
    pub const fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Ply => &["ply"],
            Self::CompressedPly => &["compressed.ply"],
            Self::Splat => &["splat"],
            Self::Spz => &["spz"],
            // The description of an unbundled one is a whole name.
            Self::Sog => &["sog", SOG_META],
            Self::Lod => &["lod", LOD_META],
            Self::Ksplat => &["ksplat"],
            Self::Lcc => &["lcc"],
            Self::Glb => &["glb"],
            Self::Gltf => &["gltf"],
            Self::Usda => &["usda", "usd"],
            Self::Usdz => &["usdz"],
            Self::Html => &["html", "htm"],
            Self::Dapple => &["dapple"],
            Self::SpacetimePly => &["spacetime.ply"],
            Self::Splatv => &["splatv"],
            Self::FtgsPly => &["ftgs.ply"],
            Self::Tsog => &["tsog"],
            Self::FourD => &["4dgs"],
        }
    }

    /// Whether scenes are written in the format, and not only read.
    pub const fn is_written(self) -> bool {
        !matches!(self, Self::Ksplat | Self::Lcc)
    }

    /// The highest degree of spherical harmonics that a file of the format holds; higher bands are left out on writing.
    pub const fn max_sh_degree(self) -> u32 {
        if matches!(self, Self::Splat | Self::SpacetimePly | Self::Splatv) { 0 } else { 3 }
    }

    /// Whether the format stores if a scene was trained with anti-aliasing.
    pub const fn holds_antialiased(self) -> bool {
        matches!(
            self,
            Self::Ply
                | Self::CompressedPly
                | Self::Spz
                | Self::Sog
                | Self::Lod
                | Self::Dapple
                | Self::FtgsPly
                | Self::Tsog
        )
    }

    /// Whether the format stores the motion of a dynamic scene.
    pub const fn holds_motion(self) -> bool {
        matches!(self, Self::Dapple | Self::SpacetimePly | Self::Splatv | Self::FtgsPly | Self::Tsog | Self::FourD)
    }

    /// Whether the format stores motion, but only along lines and without turning.
    pub const fn is_straight(self) -> bool {
        matches!(self, Self::FtgsPly | Self::Tsog | Self::FourD)
    }

    /// Whether the format stores a dynamic scene as samples at given times.
    pub const fn samples_motion(self) -> bool {
        matches!(self, Self::Usda | Self::Usdz)
    }

    /// The format of a path's extension; the file is not opened.
    pub fn of_name(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy().to_lowercase();
        let length = |format: &Self| {
            let ends = |e: &&&str| name == **e || name.strip_suffix(**e).is_some_and(|stem| stem.ends_with('.'));
            format.extensions().iter().filter(ends).map(|e| e.len()).max()
        };
        // The longest wins: "compressed.ply" over "ply".
        Self::ALL.into_iter().filter(|f| length(f).is_some()).max_by_key(|f| length(f))
    }

    /// Extensions of the formats that `keep` accepts, separated by commas.
    pub fn list(keep: impl Fn(Self) -> bool) -> String {
        let all = Self::ALL.into_iter().filter(|f| keep(*f)).map(|f| match f {
            Self::Sog => ".sog, meta.json".to_string(),
            other => format!(".{}", other.extensions()[0]),
        });
        all.collect::<Vec<_>>().join(", ")
    }
}
