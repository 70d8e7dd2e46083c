//! Scene files of every format: round trips, what other tools write, and files that are wrong.

mod compact;
mod gltf_usd;
mod motion;
mod ply;
