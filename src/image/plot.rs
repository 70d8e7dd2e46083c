//! Line plots as inline SVG, coloured by the style sheet of the page that holds them.

use std::fmt::Write;

const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 250.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 34.0;

/// Points of one line.
pub struct Series {
    /// CSS class of the line: `raw` is faint, `main` strong, `second` another colour.
    pub class: &'static str,
    pub points: Vec<(f64, f64)>,
    /// Whether every point gets a dot, with its value as a tooltip.
    pub dots: bool,
}

/// A plot over training steps, or over time.
pub struct Plot {
    pub series: Vec<Series>,
    /// Logarithmic vertical axis; points that are not positive are left out.
    pub logarithmic: bool,
    /// What the horizontal axis counts, from 0.
    pub axis: &'static str,
}

/// A range of numbers on an axis, and the positions between which it lies.
struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn place(&self, value: f64) -> f64 {
        self.from + (value - self.low) / (self.high - self.low) * (self.to - self.from)
    }
}

impl Plot {
    /// The plot as an `<svg>` element; empty text if there is nothing to show.
    pub fn svg(&self) -> String {
        let shown = |&&(x, y): &&(f64, f64)| x.is_finite() && y.is_finite() && (!self.logarithmic || y > 0.0);
        let scale = |y: f64| if self.logarithmic { y.log10() } else { y };
        let lines: Vec<Vec<(f64, f64)>> =
            self.series.iter().map(|s| s.points.iter().filter(shown).map(|&(x, y)| (x, scale(y))).collect()).collect();
        let Some((x_range, y_range)) = ranges(lines.iter().flatten()) else { return String::new() };
        let x = Axis { low: x_range.0, high: x_range.1, from: LEFT, to: WIDTH - RIGHT };
        let y = Axis { low: y_range.0, high: y_range.1, from: HEIGHT - BOTTOM, to: TOP };
        let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">");
        self.draw_axes(&mut svg, &x, &y);
        for (series, line) in self.series.iter().zip(&lines) {
            let points: Vec<String> =
                line.iter().map(|&(px, py)| format!("{:.1},{:.1}", x.place(px), y.place(py))).collect();
            put(&mut svg, format_args!("<polyline class=\"{}\" points=\"{}\"/>", series.class, points.join(" ")));
            for &(px, py) in line.iter().filter(|_| series.dots) {
                let value = if self.logarithmic { 10_f64.powf(py) } else { py };
                put(
                    &mut svg,
                    format_args!(
                        "<circle class=\"{}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.5\"><title>{} {}: {value:.4}</title></circle>",
                        series.class,
                        x.place(px),
                        y.place(py),
                        self.axis,
                        label(px)
                    ),
                );
            }
        }
        svg + "</svg>"
    }

    fn draw_axes(&self, svg: &mut String, x: &Axis, y: &Axis) {
        for tick in ticks(x.low, x.high, 6) {
            let (at, base) = (x.place(tick), HEIGHT - BOTTOM);
            put(
                svg,
                format_args!(
                    "<line class=\"tick\" x1=\"{at:.1}\" y1=\"{base}\" x2=\"{at:.1}\" y2=\"{}\"/>",
                    base + 4.0
                ),
            );
            put(svg, format_args!("<text class=\"x\" x=\"{at:.1}\" y=\"{}\">{}</text>", base + 17.0, label(tick)));
        }
        let marks: Vec<(f64, f64)> = if self.logarithmic {
            log_ticks(y.low, y.high).into_iter().map(|value| (value.log10(), value)).collect()
        } else {
            ticks(y.low, y.high, 5).into_iter().map(|value| (value, value)).collect()
        };
        for (position, value) in marks {
            let at = y.place(position);
            put(
                svg,
                format_args!(
                    "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{}\" y2=\"{at:.1}\"/>",
                    WIDTH - RIGHT
                ),
            );
            put(
                svg,
                format_args!("<text class=\"y\" x=\"{}\" y=\"{:.1}\">{}</text>", LEFT - 8.0, at + 4.0, label(value)),
            );
        }
        let base = HEIGHT - BOTTOM;
        put(
            svg,
            format_args!("<line class=\"axis\" x1=\"{LEFT}\" y1=\"{base}\" x2=\"{}\" y2=\"{base}\"/>", WIDTH - RIGHT),
        );
        put(
            svg,
            format_args!(
                "<text class=\"x\" x=\"{}\" y=\"{}\">{}</text>",
                WIDTH - RIGHT - 10.0,
                HEIGHT - 2.0,
                self.axis
            ),
        );
    }
}

fn put(svg: &mut String, piece: std::fmt::Arguments) {
    svg.write_fmt(piece).expect("text grows without errors");
}

type Range = (f64, f64);

/// Ranges of both coordinates, widened where they would be empty, and the vertical one by a margin.
fn ranges<'a>(points: impl Iterator<Item = &'a (f64, f64)>) -> Option<(Range, Range)> {
    let mut found: Option<(Range, Range)> = None;
    for &(x, y) in points {
        let ((x0, x1), (y0, y1)) = found.unwrap_or(((x, x), (y, y)));
        found = Some(((x0.min(x), x1.max(x)), (y0.min(y), y1.max(y))));
    }
    // A value that stands alone gets an axis of its own size about it.
    let wide = |(low, high): Range| {
        let half = if high > low { 0.0 } else { (0.05 * high.abs()).max(1e-3) };
        (low - half, high + half)
    };
    found.map(|(x, y)| {
        let (low, high) = wide(y);
        let margin = 0.06 * (high - low);
        // Training starts at step 0 and a clip at time 0, whatever the first point is.
        (wide((0.0_f64.min(x.0), x.1)), (low - margin, high + margin))
    })
}

/// About `wanted` round numbers in a range: multiples of 1, 2 or 5 times a power of ten.
fn ticks(low: f64, high: f64, wanted: u32) -> Vec<f64> {
    let rough = (high - low) / f64::from(wanted);
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|&step| step >= rough).unwrap_or(rough);
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    (first..=last).map(|i| i as f64 * step).collect()
}

/// Round numbers on a logarithmic axis whose ends are the exponents `low` and `high`.
fn log_ticks(low: f64, high: f64) -> Vec<f64> {
    let mantissas: &[f64] = match high - low {
        span if span < 0.5 => &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0],
        span if span < 2.0 => &[1.0, 2.0, 5.0],
        _ => &[1.0],
    };
    let decades = low.floor() as i32..=high.ceil() as i32;
    let values = decades.flat_map(|decade| mantissas.iter().map(move |mantissa| mantissa * 10_f64.powi(decade)));
    values.filter(|value| (low..=high).contains(&value.log10())).collect()
}

/// A number as short as it is exact enough for an axis.
fn label(value: f64) -> String {
    let (scaled, unit) = match value.abs() {
        v if v >= 1e6 => (value / 1e6, "M"),
        v if v >= 1e4 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    // Rounds the noise of multiplication away; six significant digits are plenty.
    let rounded = format!("{scaled:.5}");
    format!("{}{unit}", rounded.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(ticks(0.0, 30_000.0, 6), [0.0, 5000.0, 10_000.0, 15_000.0, 20_000.0, 25_000.0, 30_000.0]);
        assert_eq!(ticks(18.3, 27.9, 5), [20.0, 22.0, 24.0, 26.0]);
        assert_eq!(
            log_ticks(-2.1, -0.5).iter().map(|v| label(*v)).collect::<Vec<_>>(),
            ["0.01", "0.02", "0.05", "0.1", "0.2"]
        );
        assert_eq!(log_ticks(-4.0, 0.0).len(), 5);
        assert_eq!(
            (label(1_500_000.0), label(20_000.0), label(0.30000000000000004)),
            ("1.5M".into(), "20k".into(), "0.3".into())
        );
    }

    #[test]
    fn odd_data_makes_a_plot_all_the_same() {
        let plot = |points: Vec<(f64, f64)>, logarithmic| {
            let series = vec![Series { class: "main", points, dots: true }];
            Plot { series, logarithmic, axis: "step" }.svg()
        };
        assert_eq!(plot(vec![], true), "");
        assert_eq!(plot(vec![(1.0, f64::NAN), (2.0, -1.0)], true), "");
        for svg in [plot(vec![(5.0, 3.0)], false), plot(vec![(1.0, 0.1), (2.0, 0.1)], true)] {
            assert!(svg.contains("<polyline") && svg.contains("<circle") && !svg.contains("NaN"), "{svg}");
        }
    }
}
