//! The chart bridge, `window.netloomCharts`, as Rust sees it.

use js_sys::{Array, Float64Array, Object, Reflect};
use leptos::{html, prelude::*};
use netloom_core::unit::Unit;
use wasm_bindgen::{JsCast, JsValue, closure::Closure, prelude::wasm_bindgen};
use web_sys::HtmlElement;

use super::{Frame, Gesture, Hooks};

#[wasm_bindgen]
extern "C" {
    type Chart;

    #[wasm_bindgen(js_namespace = netloomCharts, js_name = setFormatter, catch)]
    fn set_formatter_js(format: &JsValue) -> Result<(), JsValue>;
    #[wasm_bindgen(js_namespace = netloomCharts, catch)]
    fn mount(element: &HtmlElement, option: &str, hooks: &Object) -> Result<Chart, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn update(
        this: &Chart,
        from_ms: f64,
        to_ms: f64,
        ids: &Array,
        points: &Array,
        newest_ms: f64,
    ) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch, js_name = setOption)]
    fn set_option(this: &Chart, option: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(method)]
    fn dispose(this: &Chart);
}

/// Gives the bridge the function that writes all figures, so that charts and pages write them alike.
pub(crate) fn set_formatter() {
    let format = Closure::<dyn Fn(String, f64) -> String>::new(|unit: String, value: f64| {
        let unit = serde_json::from_value::<Unit>(unit.into()).unwrap_or(Unit::Count);
        unit.figure(value).to_string()
    });
    if set_formatter_js(&format.into_js_value()).is_err() {
        leptos::logging::error!("the chart bridge was not loaded; charts can be viewed as tables");
    }
}

/// What a chart shows and whom it tells.
#[derive(Clone, Copy)]
pub(super) struct Source {
    pub(super) option: Signal<String>,
    pub(super) frame: Callback<(), Option<Frame>>,
    pub(super) hooks: Hooks,
}

/// A chart on the page, until it is dropped.
struct Mounted(Chart);

impl Drop for Mounted {
    fn drop(&mut self) {
        self.0.dispose();
    }
}

impl Mounted {
    fn new(element: &HtmlElement, option: &str, hooks: Hooks) -> Option<Self> {
        let gesture = hooks.on_gesture;
        let zoom = Closure::<dyn Fn(f64, f64)>::new(move |from, to| gesture.run(Gesture::Zoom(from, to)));
        let reset = Closure::<dyn Fn()>::new(move || gesture.run(Gesture::ZoomReset));
        let pick = Closure::<dyn Fn(String, String)>::new(move |name, kind| hooks.on_pick.run((name, kind)));
        // The closures belong to the bridge from here on and go when it lets the chart go.
        let named = [
            ("onZoom", zoom.into_js_value()),
            ("onZoomReset", reset.into_js_value()),
            ("onClick", pick.into_js_value()),
        ];
        let object = Object::new();
        for (name, closure) in named {
            // Fails for frozen objects only.
            let _ = Reflect::set(&object, &name.into(), &closure);
        }
        let mounted = mount(element, option, &object);
        complain(mounted.as_ref().err());
        mounted.ok().map(Self)
    }

    fn set_option(&self, option: &str) {
        complain(self.0.set_option(option).as_ref().err());
    }

    fn update(&self, frame: &Frame) {
        let ids: Array = frame.ids.iter().map(|id| JsValue::from_str(id)).collect();
        let points: Array = frame.points.iter().map(|points| Float64Array::from(points.as_slice())).collect();
        let (from_ms, to_ms) = frame.window;
        let newest_ms = frame.newest_ms.map_or(f64::NAN, |ms| ms as f64);
        complain(self.0.update(from_ms as f64, to_ms as f64, &ids, &points, newest_ms).as_ref().err());
    }
}

/// A chart that fails must not take the page with it: its table still stands.
fn complain(error: Option<&JsValue>) {
    if let Some(error) = error {
        leptos::logging::error!("a chart failed: {error:?}");
    }
}

/// Mounts a chart as soon as its element is there and keeps it current for the life of the component.
pub(super) fn drive(element: NodeRef<html::Div>, source: Source) {
    let mounted = StoredValue::new_local(None::<Mounted>);
    Effect::new(move |_| {
        let Some(element) = element.get() else { return };
        let option = source.option.get();
        mounted.update_value(|mounted| match mounted {
            Some(mounted) => mounted.set_option(&option),
            None => *mounted = Mounted::new(element.unchecked_ref(), &option, source.hooks),
        });
    });
    Effect::new(move |_| {
        source.option.track();
        if element.get().is_none() {
            return;
        }
        let Some(frame) = source.frame.run(()) else { return };
        mounted.with_value(|mounted| {
            if let Some(mounted) = mounted {
                mounted.update(&frame);
            }
        });
    });
    on_cleanup(move || {
        mounted.try_update_value(Option::take);
    });
}
