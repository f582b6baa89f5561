//! A scene as PNG, twice as fine as its units, so that it is sharp on any screen.

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};
use zeno::{Command, Mask, Stroke, Vector};

use super::{Anchor, Paint, Point, Scene, Shape, TextSize};

/// Pixels of a unit.
const FINENESS: f64 = 2.0;
/// Of the height of a character's picture, the part above its base line.
const ASCENT_RATIO: f64 = 0.79;
/// Scenes are drawn for screens; this is more than any has, pixels on a side.
const SIDE_MAX: f64 = 8_192.0;

/// Writes the scene.
///
/// # Errors
/// When the scene has no size that a picture can have.
pub fn write(scene: &Scene) -> Result<Vec<u8>, String> {
    let side = |units: f64| (units * FINENESS).round().clamp(1.0, SIDE_MAX) as u32;
    let mut canvas = Canvas::white(side(scene.width), side(scene.height));
    scene.shapes.iter().for_each(|shape| canvas.draw(shape));
    canvas.encode(&scene.title).map_err(|error| error.to_string())
}

/// Pixels in rows, red, green and blue.
struct Canvas {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

/// How much of a pixel is covered, as a rectangle of bytes.
struct Cover<'a> {
    left: i64,
    top: i64,
    width: usize,
    bytes: &'a [u8],
}

impl Canvas {
    fn white(width: u32, height: u32) -> Self {
        Self { width, height, pixels: vec![u8::MAX; width as usize * height as usize * 3] }
    }

    fn draw(&mut self, shape: &Shape) {
        match shape {
            Shape::Area { corners, paint } => {
                let mut path = path_of(corners);
                path.push(Command::Close);
                self.fill(&path, None, *paint);
            }
            Shape::Line { points, width, paint } => {
                self.fill(&path_of(points), Some((*width * FINENESS) as f32), *paint);
            }
            Shape::Dot { at, radius, paint } => {
                /// Corners of a disc: more than anybody sees at that size.
                const CORNERS: u32 = 24;
                let corner = |index: u32| {
                    let (sin, cos) = (f64::from(index) / f64::from(CORNERS) * std::f64::consts::TAU).sin_cos();
                    Point { x: at.x + radius * cos, y: at.y + radius * sin }
                };
                let corners: Vec<Point> = (0..CORNERS).map(corner).collect();
                self.draw(&Shape::Area { corners, paint: *paint });
            }
            Shape::Text { at, text, size, anchor, is_upright, paint } => {
                self.write((at, *anchor, *is_upright), text, *size, *paint);
            }
        }
    }

    fn fill(&mut self, path: &[Command], stroke: Option<f32>, paint: Paint) {
        let mut mask = Mask::new(path);
        if let Some(width) = stroke {
            mask.style(Stroke::new(width));
        }
        let (bytes, placed) = mask.render();
        let (left, top) = (i64::from(placed.left), i64::from(placed.top));
        self.lay(&Cover { left, top, width: placed.width as usize, bytes: &bytes }, paint);
    }

    fn write(&mut self, (at, anchor, is_upright): (&Point, Anchor, bool), text: &str, size: TextSize, paint: Paint) {
        let height = match size {
            TextSize::Small => RasterHeight::Size24,
            TextSize::Large => RasterHeight::Size32,
        };
        let advance = size.advance() * FINENESS;
        let inset = (advance - get_raster_width(FontWeight::Regular, height) as f64) / 2.0;
        let length = text.chars().count() as f64 * advance;
        let start = match anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => -length / 2.0,
            Anchor::End => -length,
        };
        let ascent = height.val() as f64 * ASCENT_RATIO;
        let (x, y) = (at.x * FINENESS, at.y * FINENESS);
        for (index, character) in text.chars().enumerate() {
            let glyph = |character| get_raster(character, FontWeight::Regular, height);
            let Some(glyph) = glyph(character).or_else(|| glyph('?')) else { continue };
            let along = start + index as f64 * advance + inset;
            if is_upright {
                let turned = turned(glyph.pixels(), glyph.width());
                let (left, top) = ((x - ascent).round(), (y - along - glyph.width() as f64).round());
                let cover = Cover { left: left as i64, top: top as i64, width: glyph.height(), bytes: &turned };
                self.lay(&cover, paint);
            } else {
                let (left, top) = ((x + along).round() as i64, (y - ascent).round() as i64);
                self.lay(&Cover { left, top, width: glyph.width(), bytes: glyph.pixels() }, paint);
            }
        }
    }

    /// Lays a colour on as far as it covers; what lies outside is left out.
    fn lay(&mut self, cover: &Cover, paint: Paint) {
        if cover.width == 0 {
            return;
        }
        for (row, bytes) in cover.bytes.chunks(cover.width).enumerate() {
            let y = cover.top + row as i64;
            if y < 0 || y >= i64::from(self.height) {
                continue;
            }
            for (column, covered) in bytes.iter().enumerate() {
                let x = cover.left + column as i64;
                if *covered == 0 || x < 0 || x >= i64::from(self.width) {
                    continue;
                }
                let at = (y as usize * self.width as usize + x as usize) * 3;
                let share = f64::from(*covered) / 255.0 * paint.opacity;
                for (pixel, colour) in self.pixels[at..at + 3].iter_mut().zip(paint.rgb) {
                    *pixel = (f64::from(*pixel) * (1.0 - share) + f64::from(colour) * share).round() as u8;
                }
            }
        }
    }

    fn encode(&self, title: &str) -> Result<Vec<u8>, png::EncodingError> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::High);
        encoder.add_itxt_chunk("Title".into(), title.into())?;
        encoder.write_header()?.write_image_data(&self.pixels)?;
        Ok(bytes)
    }
}

fn path_of(points: &[Point]) -> Vec<Command> {
    let place = |point: &Point| Vector::new((point.x * FINENESS) as f32, (point.y * FINENESS) as f32);
    let mut path: Vec<Command> = points.iter().take(1).map(|point| Command::MoveTo(place(point))).collect();
    path.extend(points.iter().skip(1).map(|point| Command::LineTo(place(point))));
    path
}

/// A picture a quarter turn to the left.
fn turned(bytes: &[u8], width: usize) -> Vec<u8> {
    let height = bytes.len() / width.max(1);
    let pixel = |at: usize| bytes[(at % height) * width + (width - 1 - at / height)];
    (0..width * height).map(pixel).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::latency::{draw, tests::result};

    fn decoded(bytes: &[u8]) -> (u32, u32, Vec<u8>) {
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().expect("a PNG");
        let mut pixels = vec![0; reader.output_buffer_size().expect("fits")];
        let info = reader.next_frame(&mut pixels).expect("a picture");
        (info.width, info.height, pixels)
    }

    #[test]
    fn pictures_are_twice_as_fine_and_show_their_colours() {
        let red = Paint::solid(200, 0, 0);
        let mut scene = Scene { width: 40.0, height: 20.0, title: "ü".into(), shapes: Vec::new() };
        scene.rectangle((10.0, 20.0), (5.0, 15.0), red);
        scene.rectangle((30.0, 400.0), (-5.0, 1.0), red);
        let (width, height, pixels) = decoded(&write(&scene).expect("drawn"));
        assert_eq!((width, height), (80, 40));
        let at = |x: usize, y: usize| &pixels[(y * 80 + x) * 3..][..3];
        assert_eq!((at(30, 20), at(5, 20), at(79, 0)), (&[200, 0, 0][..], &[255, 255, 255][..], &[200, 0, 0][..]));
    }

    #[test]
    fn text_is_drawn_both_ways_and_unknown_characters_are_question_marks() {
        let inked = |text: &str, is_upright: bool| {
            let mut scene = Scene { width: 60.0, height: 60.0, title: String::new(), shapes: Vec::new() };
            let (size, anchor, paint) = (TextSize::Small, Anchor::Middle, Paint::solid(0, 0, 0));
            let at = Point { x: 30.0, y: 30.0 };
            scene.shapes.push(Shape::Text { at, text: text.into(), size, anchor, is_upright, paint });
            decoded(&write(&scene).expect("drawn")).2.iter().filter(|value| **value < 128).count()
        };
        assert!(inked("5 µs", false) > 50);
        assert_eq!(inked("5 µs", true), inked("5 µs", false));
        assert_eq!(inked("漢", false), inked("?", false));
    }

    #[test]
    fn a_whole_chart_is_drawn() {
        let rounds = [vec![Some(410.0), None], vec![None, None], vec![Some(390.0), Some(700.0)]];
        let (width, height, pixels) = decoded(&write(&draw(&result(&rounds))).expect("drawn"));
        assert_eq!((width, height), (2_000, 1_192));
        assert!(pixels.chunks(3).any(|pixel| pixel == [0x1d, 0x5f, 0xbf]), "the line is there");
    }
}
