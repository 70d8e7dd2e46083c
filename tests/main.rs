//! The tests, but for those that need a program of their own: `fuzz` counts what it allocates, `view` opens windows.

mod backends;
mod blocks;
mod cli;
mod compare;
mod disturbed;
mod documents;
mod edit;
mod edited_views;
mod examples;
mod exposure;
mod formats;
mod golden;
mod gradients;
mod layers;
mod oracle;
mod plan;
mod poses;
mod primitives;
mod real_captures;
mod reference;
mod shaders;
mod stages;
mod support;
mod training;
mod twins;
