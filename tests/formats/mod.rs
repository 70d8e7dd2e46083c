//! Scene files of every format: round trips, what other tools write, and files that are wrong.

mod clips;
mod compact;
mod dialects;
mod gltf_usd;
mod lcc;
mod lod;
mod motion;
mod page;
mod ply;
