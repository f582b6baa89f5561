//! Charts as files: what is drawn is decided once, as shapes in a [`Scene`], and written as SVG or as PNG.
//!
//! Nothing here needs fonts or programs of the system, so a bare server draws as a workstation does.

mod axis;
mod columns;
pub mod latency;
#[cfg(feature = "tools")]
pub mod png;
pub mod svg;

/// A place: units to the right of the upper left corner, and below it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// To the right.
    pub x: f64,
    /// Down.
    pub y: f64,
}

/// A colour, and how much of it is laid on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paint {
    /// Red, green, blue.
    pub rgb: [u8; 3],
    /// 1 covers everything below.
    pub opacity: f64,
}

impl Paint {
    const fn solid(red: u8, green: u8, blue: u8) -> Self {
        Self { rgb: [red, green, blue], opacity: 1.0 }
    }

    const fn faint(self, opacity: f64) -> Self {
        Self { opacity, ..self }
    }
}

/// How large text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextSize {
    /// Of labels and figures.
    Small,
    /// Of the title.
    Large,
}

impl TextSize {
    /// The width of a character: all are equally wide.
    pub const fn advance(self) -> f64 {
        match self {
            TextSize::Small => 6.5,
            TextSize::Large => 8.5,
        }
    }
}

/// Where text stands from its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// It begins there.
    Start,
    /// It lies on both sides.
    Middle,
    /// It ends there.
    End,
}

/// Something to draw.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A filled polygon.
    Area {
        /// Its corners.
        corners: Vec<Point>,
        /// Of what colour.
        paint: Paint,
    },
    /// A line through points.
    Line {
        /// The points.
        points: Vec<Point>,
        /// How thick.
        width: f64,
        /// Of what colour.
        paint: Paint,
    },
    /// A disc.
    Dot {
        /// Its centre.
        at: Point,
        /// Its radius.
        radius: f64,
        /// Of what colour.
        paint: Paint,
    },
    /// A line of text.
    Text {
        /// Where its base line is.
        at: Point,
        /// What it says.
        text: String,
        /// How large.
        size: TextSize,
        /// Where it stands from its place.
        anchor: Anchor,
        /// Whether it reads upwards.
        is_upright: bool,
        /// Of what colour.
        paint: Paint,
    },
}

/// A drawing on white.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// How wide it is.
    pub width: f64,
    /// How high it is.
    pub height: f64,
    /// What it shows, in a line.
    pub title: String,
    /// What there is, the lowest first.
    pub shapes: Vec<Shape>,
}

impl Scene {
    fn area(&mut self, corners: Vec<Point>, paint: Paint) {
        self.shapes.push(Shape::Area { corners, paint });
    }

    fn rectangle(&mut self, (left, right): (f64, f64), (top, bottom): (f64, f64), paint: Paint) {
        let corner = |x, y| Point { x, y };
        self.area(vec![corner(left, top), corner(right, top), corner(right, bottom), corner(left, bottom)], paint);
    }

    fn line(&mut self, points: Vec<Point>, width: f64, paint: Paint) {
        self.shapes.push(Shape::Line { points, width, paint });
    }

    fn dot(&mut self, at: Point, radius: f64, paint: Paint) {
        self.shapes.push(Shape::Dot { at, radius, paint });
    }

    fn text(&mut self, (x, y): (f64, f64), text: impl Into<String>, anchor: Anchor, paint: Paint) {
        let (at, text, size) = (Point { x, y }, text.into(), TextSize::Small);
        self.shapes.push(Shape::Text { at, text, size, anchor, is_upright: false, paint });
    }

    fn text_upright(&mut self, (x, y): (f64, f64), text: &str, paint: Paint) {
        let (size, anchor) = (TextSize::Small, Anchor::Middle);
        self.shapes.push(Shape::Text { at: Point { x, y }, text: text.into(), size, anchor, is_upright: true, paint });
    }
}
