//! The formats: their names and extensions, and what each can hold.

use std::path::Path;

/// Name of an unbundled SOG's description, in a folder with its images.
pub const SOG_META: &str = "meta.json";

/// The formats of scene files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// INRIA PLY (FORMATS 1.1).
    Ply,
    /// PlayCanvas compressed PLY (FORMATS 1.2).
    CompressedPly,
    /// antimatter15's records of 32 bytes (FORMATS 1.3).
    Splat,
    /// Niantic's SPZ (FORMATS 1.4).
    Spz,
    /// PlayCanvas SOG, bundled or as a folder with [`SOG_META`] (FORMATS 1.5).
    Sog,
    /// mkkellogg's format (FORMATS 1.6).
    Ksplat,
    /// Binary glTF with KHR_gaussian_splatting (FORMATS 1.7).
    Glb,
    /// The same as JSON, with its data in a `.bin` beside it or inside.
    Gltf,
    /// OpenUSD text with ParticleField3DGaussianSplat (FORMATS 1.8).
    Usda,
    /// The same in a package.
    Usdz,
    /// A page that shows the scene.
    Html,
    /// Our own container, which holds everything.
    Dapple,
    /// Spacetime Gaussians' "lite" PLY (FORMATS 1.9).
    SpacetimePly,
    /// splaTV's texture (FORMATS 1.9).
    Splatv,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 14] = [
        Self::Ply,
        Self::CompressedPly,
        Self::Splat,
        Self::Spz,
        Self::Sog,
        Self::Ksplat,
        Self::Glb,
        Self::Gltf,
        Self::Usda,
        Self::Usdz,
        Self::Html,
        Self::Dapple,
        Self::SpacetimePly,
        Self::Splatv,
    ];

    /// What a person calls the format.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ply => "PLY",
            Self::CompressedPly => "compressed PLY",
            Self::Splat => "splat",
            Self::Spz => "SPZ",
            Self::Sog => "SOG",
            Self::Ksplat => "ksplat",
            Self::Glb => "glTF binary",
            Self::Gltf => "glTF",
            Self::Usda => "USD text",
            Self::Usdz => "USD package",
            Self::Html => "web page",
            Self::Dapple => "Dapple",
            Self::SpacetimePly => "Spacetime PLY",
            Self::Splatv => "splatv",
        }
    }

    /// How names of such files end, in lower case; the first is the one to choose.
    pub const fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Ply => &["ply"],
            Self::CompressedPly => &["compressed.ply"],
            Self::Splat => &["splat"],
            Self::Spz => &["spz"],
            // The description of an unbundled one is a whole name.
            Self::Sog => &["sog", "meta.json"],
            Self::Ksplat => &["ksplat"],
            Self::Glb => &["glb"],
            Self::Gltf => &["gltf"],
            Self::Usda => &["usda"],
            Self::Usdz => &["usdz"],
            Self::Html => &["html", "htm"],
            Self::Dapple => &["dapple"],
            Self::SpacetimePly => &["spacetime.ply"],
            Self::Splatv => &["splatv"],
        }
    }

    /// The highest degree of spherical harmonics that a file of the format holds; higher bands are left out on writing.
    pub const fn max_sh_degree(self) -> u32 {
        if matches!(self, Self::Splat | Self::SpacetimePly | Self::Splatv) { 0 } else { 3 }
    }

    /// Whether a file of the format says if the scene was trained with anti-aliasing.
    pub const fn holds_antialiased(self) -> bool {
        matches!(self, Self::Ply | Self::CompressedPly | Self::Spz | Self::Sog | Self::Dapple)
    }

    /// Whether a file of the format holds the motion of a dynamic scene.
    pub const fn holds_motion(self) -> bool {
        matches!(self, Self::Dapple | Self::SpacetimePly | Self::Splatv)
    }

    /// Whether a file of the format holds a dynamic scene as it is at given moments.
    pub const fn samples_motion(self) -> bool {
        matches!(self, Self::Usda | Self::Usdz)
    }

    /// The format that the path's name asks for, without a look at the file.
    pub fn of_name(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy().to_lowercase();
        let length = |format: &Self| {
            let ends = |e: &&&str| name == **e || name.strip_suffix(**e).is_some_and(|stem| stem.ends_with('.'));
            format.extensions().iter().filter(ends).map(|e| e.len()).max()
        };
        // The longest wins: "compressed.ply" over "ply".
        Self::ALL.into_iter().filter(|f| length(f).is_some()).max_by_key(|f| length(f))
    }

    /// Extensions of all formats that `keep` accepts, as a sentence lists them.
    pub fn list(keep: impl Fn(Self) -> bool) -> String {
        let all = Self::ALL.into_iter().filter(|f| keep(*f)).map(|f| match f {
            Self::Sog => ".sog, meta.json".to_string(),
            other => format!(".{}", other.extensions()[0]),
        });
        all.collect::<Vec<_>>().join(", ")
    }
}
