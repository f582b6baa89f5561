//! A scene as SVG 1.1 that stands by itself.

use std::fmt::Write as _;

use super::{Anchor, Paint, Point, Scene, Shape, TextSize};

/// Alphabets in which all characters are equally wide, as wide as the scene was laid out for.
const FONTS: &str = "'Noto Sans Mono','DejaVu Sans Mono','Liberation Mono',Menlo,Consolas,monospace";
/// How wide a character of such an alphabet is, in parts of its size.
const ADVANCE_RATIO: f64 = 0.6;

/// Writes the scene.
pub fn write(scene: &Scene) -> String {
    let (width, height) = (number(scene.width), number(scene.height));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" font-family=\"{FONTS}\">\n<title>{}</title>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n",
        escaped(&scene.title)
    );
    scene.shapes.iter().for_each(|shape| {
        shape_to(&mut svg, shape);
        svg.push('\n');
    });
    svg.push_str("</svg>\n");
    svg
}

fn shape_to(svg: &mut String, shape: &Shape) {
    // Writing to a string does not fail.
    let _ = match shape {
        Shape::Area { corners, paint } => {
            write!(svg, "<polygon points=\"{}\" {}/>", places(corners), painted("fill", *paint))
        }
        Shape::Line { points, width, paint } => write!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" {} stroke-width=\"{}\" stroke-linejoin=\"round\"/>",
            places(points),
            painted("stroke", *paint),
            number(*width)
        ),
        Shape::Dot { at, radius, paint } => write!(
            svg,
            "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" {}/>",
            number(at.x),
            number(at.y),
            number(*radius),
            painted("fill", *paint)
        ),
        Shape::Text { at, text, size, anchor, is_upright, paint } => {
            let (x, y) = (number(at.x), number(at.y));
            let turn = if *is_upright { format!(" transform=\"rotate(-90 {x} {y})\"") } else { String::new() };
            let anchor = match anchor {
                Anchor::Start => "start",
                Anchor::Middle => "middle",
                Anchor::End => "end",
            };
            write!(
                svg,
                "<text x=\"{x}\" y=\"{y}\" font-size=\"{}\"{} text-anchor=\"{anchor}\" {}{turn}>{}</text>",
                number(size.advance() / ADVANCE_RATIO),
                if *size == TextSize::Large { " font-weight=\"bold\"" } else { "" },
                painted("fill", *paint),
                escaped(text)
            )
        }
    };
}

fn places(points: &[Point]) -> String {
    let places: Vec<String> = points.iter().map(|point| format!("{},{}", number(point.x), number(point.y))).collect();
    places.join(" ")
}

fn painted(what: &str, paint: Paint) -> String {
    let [red, green, blue] = paint.rgb;
    let opacity =
        if paint.opacity < 1.0 { format!(" {what}-opacity=\"{}\"", number(paint.opacity)) } else { String::new() };
    format!("{what}=\"#{red:02x}{green:02x}{blue:02x}\"{opacity}")
}

/// A number with as many digits as a screen can show.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Text as XML takes it: its own signs escaped, and what XML 1.0 has no place for replaced.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\u{FFFE}' | '\u{FFFF}' => escaped.push(char::REPLACEMENT_CHARACTER),
            character if character.is_control() => escaped.push(char::REPLACEMENT_CHARACTER),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_numbers_are_short() {
        let mut scene = Scene { width: 100.0, height: 50.5, title: "a<b & \"c\"\u{1}".into(), shapes: Vec::new() };
        scene.text((1.0 / 3.0, 2.0), "x > y", Anchor::End, Paint::solid(1, 2, 255));
        let svg = write(&scene);
        assert!(svg.contains("<title>a&lt;b &amp; &quot;c&quot;\u{FFFD}</title>"), "{svg}");
        assert!(svg.contains("viewBox=\"0 0 100 50.5\""), "{svg}");
        assert!(svg.contains("<text x=\"0.33\" y=\"2\""), "{svg}");
        assert!(svg.contains("fill=\"#0102ff\">x &gt; y</text>"), "{svg}");
    }
}
