//! Text and colours as HTML and CSS.

/// Text with the characters that HTML gives a meaning escaped.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A colour map from left to right, as CSS.
pub fn gradient(anchors: &[[u8; 3]; 5]) -> String {
    let colours: Vec<String> = anchors.iter().map(|[r, g, b]| format!("rgb({r} {g} {b})")).collect();
    format!("linear-gradient(90deg, {})", colours.join(", "))
}
