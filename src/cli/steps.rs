//! The steps of a transform on the command line.

use std::str::FromStr;

use anyhow::{Context, Result, bail};
use glam::{DQuat, DVec3};

use crate::edit::Similarity;

/// The axis of a scene that points up.
#[derive(Clone, Copy)]
pub struct UpAxis(pub DVec3);

impl FromStr for UpAxis {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (sign, name) = text.strip_prefix('-').map_or((1.0, text.strip_prefix('+').unwrap_or(text)), |n| (-1.0, n));
        let axis = match name.to_lowercase().as_str() {
            "x" => DVec3::X,
            "y" => DVec3::Y,
            "z" => DVec3::Z,
            _ => bail!("\"{text}\" is not x, y, z, -x, -y or -z"),
        };
        Ok(Self(sign * axis))
    }
}

/// A step of a transform.
#[derive(Clone, Copy)]
pub enum TransformStep {
    Move(Similarity),
    /// The mirror image along this axis.
    Flip(usize),
}

impl FromStr for TransformStep {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let usage = || format!("\"{text}\" is not translate=X,Y,Z, rotate=X,Y,Z, scale=S or flip=x");
        let (kind, rest) = text.split_once('=').with_context(usage)?;
        if let ("flip", Some(axis)) = (kind, ["x", "y", "z"].iter().position(|name| rest.eq_ignore_ascii_case(name))) {
            return Ok(Self::Flip(axis));
        }
        let numbers: Option<Vec<f64>> = rest.split(',').map(|word| word.trim().parse().ok()).collect();
        let numbers = numbers.filter(|numbers| numbers.iter().all(|v| v.is_finite()));
        Ok(Self::Move(match (kind, numbers.as_deref()) {
            ("translate", Some(&[x, y, z])) => Similarity::translation(DVec3::new(x, y, z)),
            ("rotate", Some(&[x, y, z])) => {
                let [x, y, z] = [x, y, z].map(f64::to_radians);
                Similarity::rotation(DQuat::from_rotation_z(z) * DQuat::from_rotation_y(y) * DQuat::from_rotation_x(x))
            }
            ("scale", Some(&[scale])) if scale > 0.0 => Similarity::scale(scale),
            _ => bail!("{}", usage()),
        }))
    }
}
