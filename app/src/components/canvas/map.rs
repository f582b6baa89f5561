//! Heat map and graph of the chart bridge, as Rust sees them.

use std::sync::Arc;

use js_sys::{Array, Float32Array, Object, Reflect, Uint8Array, Uint32Array};
use leptos::{html, prelude::*};
use wasm_bindgen::{JsCast, JsValue, closure::Closure, prelude::wasm_bindgen};
use web_sys::HtmlElement;

use crate::{
    charts::matrix::Arrangement,
    components::heat_map::{Marks, Paint, Point},
};

#[wasm_bindgen]
extern "C" {
    type Matrix;
    type Graph;

    #[wasm_bindgen(js_namespace = netloomCharts, catch)]
    fn matrix(element: &HtmlElement, hooks: &Object) -> Result<Matrix, JsValue>;
    #[wasm_bindgen(method)]
    fn arrange(this: &Matrix, names: &Array, order: &Uint32Array, groups: &Uint32Array);
    #[wasm_bindgen(method)]
    fn paint(
        this: &Matrix,
        values: &Float32Array,
        rows: &Float32Array,
        columns: &Float32Array,
        low: f64,
        high: f64,
        is_log: bool,
    );
    #[wasm_bindgen(method)]
    fn mark(this: &Matrix, doubtful: &Uint8Array, pairs: &Uint32Array);
    #[wasm_bindgen(method)]
    fn zoom(this: &Matrix, zoom: f64);
    #[wasm_bindgen(method)]
    fn dispose(this: &Matrix);

    #[wasm_bindgen(js_namespace = netloomCharts, catch)]
    fn graph(element: &HtmlElement, hooks: &Object) -> Result<Graph, JsValue>;
    #[wasm_bindgen(method)]
    fn update(this: &Graph, scene: &str);
    #[wasm_bindgen(method, js_name = dispose)]
    fn dispose_graph(this: &Graph);
}

/// Hands functions to the bridge; they belong to it from here on and go when it lets the drawing go.
fn hooks<const N: usize>(named: [(&str, JsValue); N]) -> Object {
    let object = Object::new();
    for (name, function) in named {
        // Fails for frozen objects only.
        let _ = Reflect::set(&object, &name.into(), &function);
    }
    object
}

struct Map(Matrix);

impl Drop for Map {
    fn drop(&mut self) {
        self.0.dispose();
    }
}

/// What a heat map shows and whom it tells.
#[derive(Clone, Copy)]
pub(crate) struct MapSource {
    pub(crate) arrangement: Signal<Arc<Arrangement>>,
    pub(crate) paint: Callback<(), Option<Paint>>,
    pub(crate) marks: Signal<Marks>,
    pub(crate) zoom: Signal<f64>,
    pub(crate) on_point: Callback<Option<Point>>,
    pub(crate) on_pick: Callback<(usize, usize)>,
}

/// Mounts a heat map as soon as its element is there and keeps it current for the life of the component.
pub(crate) fn drive_map(element: NodeRef<html::Div>, source: MapSource) {
    let map = StoredValue::new_local(None::<Map>);
    let with = move |run: &dyn Fn(&Matrix)| {
        map.with_value(|map| {
            if let Some(Map(map)) = map {
                run(map);
            }
        });
    };
    Effect::new(move |_| {
        let Some(element) = element.get() else { return };
        if map.with_value(Option::is_none) {
            let point = Closure::<dyn Fn(i32, i32, f64, f64, bool)>::new(move |row, column, x, y, by_keys| {
                let cell = usize::try_from(row).ok().zip(usize::try_from(column).ok());
                source.on_point.run(cell.map(|(row, column)| Point { row, column, x, y, by_keys }));
            });
            let pick = Closure::<dyn Fn(u32, u32)>::new(move |row, column| {
                source.on_pick.run((row as usize, column as usize));
            });
            let hooks = hooks([("onPoint", point.into_js_value()), ("onPick", pick.into_js_value())]);
            map.set_value(matrix(element.unchecked_ref(), &hooks).ok().map(Map));
        }
        let arrangement = source.arrangement.get();
        let names: Array = arrangement.names.iter().map(|name| JsValue::from_str(name)).collect();
        let (order, groups) = (&*arrangement.order, &*arrangement.groups);
        with(&|map| map.arrange(&names, &order.into(), &groups.into()));
    });
    Effect::new(move |_| {
        source.arrangement.track();
        if element.get().is_none() {
            return;
        }
        let Some(paint) = source.paint.run(()) else { return };
        let [values, rows, columns] = [&paint.values, &paint.rows, &paint.columns].map(|v| Float32Array::from(&**v));
        let scale = paint.scale;
        with(&|map| map.paint(&values, &rows, &columns, scale.low, scale.high, scale.is_log));
    });
    Effect::new(move |_| {
        source.arrangement.track();
        if element.get().is_some() {
            source.marks.with(|marks| {
                with(&|map| map.mark(&(&*marks.doubtful).into(), &(&*marks.pairs).into()));
            });
        }
    });
    Effect::new(move |_| {
        let zoom = source.zoom.get();
        if element.get().is_some() && (zoom - 1.0).abs() > f64::EPSILON {
            with(&|map| map.zoom(zoom));
        }
    });
    on_cleanup(move || {
        map.try_update_value(Option::take);
    });
}

struct Drawn(Graph);

impl Drop for Drawn {
    fn drop(&mut self) {
        self.0.dispose_graph();
    }
}

/// What a graph calls with the id and the kind of what was clicked or is pointed at, and where.
pub(crate) type OnGraph = Callback<(String, String, f64, f64)>;

/// Mounts a graph as soon as its element is there and keeps it current for the life of the component.
pub(crate) fn drive_graph(element: NodeRef<html::Div>, scene: Signal<String>, on_point: OnGraph, on_pick: OnGraph) {
    let drawn = StoredValue::new_local(None::<Drawn>);
    Effect::new(move |_| {
        let Some(element) = element.get() else { return };
        if drawn.with_value(Option::is_none) {
            let hook = |to: OnGraph| {
                let tell = move |id: String, kind: String, x: f64, y: f64| to.run((id, kind, x, y));
                Closure::<dyn Fn(String, String, f64, f64)>::new(tell).into_js_value()
            };
            let hooks = hooks([("onPoint", hook(on_point)), ("onPick", hook(on_pick))]);
            drawn.set_value(graph(element.unchecked_ref(), &hooks).ok().map(Drawn));
        }
        scene.with(|scene| {
            drawn.with_value(|drawn| {
                if let Some(Drawn(graph)) = drawn {
                    graph.update(scene);
                }
            });
        });
    });
    on_cleanup(move || {
        drawn.try_update_value(Option::take);
    });
}
