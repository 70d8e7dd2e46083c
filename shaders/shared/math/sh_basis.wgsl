//#use math/real_f32
//#use math/sh
// The spherical harmonics of bands 1 to `degree` along the unit direction `d`; zero beyond, and in the sixteenth place.
fn sh_rest_basis(d: vec3f, degree: u32) -> array<f32, 16> {
    var out: array<f32, 16>;
    if (degree > 0u) {
        let band = sh_band_1(d.x, d.y, d.z);
        for (var k = 0u; k < 3u; k++) {
            out[k] = band[k];
        }
    }
    if (degree > 1u) {
        let band = sh_band_2(d.x, d.y, d.z);
        for (var k = 0u; k < 5u; k++) {
            out[3u + k] = band[k];
        }
    }
    if (degree > 2u) {
        let band = sh_band_3(d.x, d.y, d.z);
        for (var k = 0u; k < 7u; k++) {
            out[8u + k] = band[k];
        }
    }
    return out;
}
