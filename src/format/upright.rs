//! Half a turn about z between a scene's axes (y down, as in its capture) and a file's that has y up.

use crate::edit;
use crate::scene::Scene;

/// The word for y up in the comments and descriptions of files.
pub(super) const MARK: &str = "y-up";

/// Turns the scene by half a turn about z, exactly: the same again turns it back.
pub(super) fn half_turn(scene: &mut Scene) {
    edit::flip(scene, 0);
    edit::flip(scene, 1);
}

/// A copy that has been turned.
pub(super) fn half_turned(scene: &Scene) -> Scene {
    let mut turned = scene.clone();
    half_turn(&mut turned);
    turned
}
