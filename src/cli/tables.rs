//! What the pages of tables that several commands write have in common.

/// The style of a page of tables.
pub const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
    table{border-collapse:collapse;margin:.5rem 0 1.5rem}td,th{padding:.15rem .8rem;text-align:right}\
    td:first-child,th:first-child{text-align:left}tr:nth-child(even){background:#8881}\
    i{display:block;height:.5rem;background:#48c}pre{overflow:auto}";

/// Text as HTML shows it.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
