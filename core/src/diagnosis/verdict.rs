//! What all findings of a diagnosis say together. Rules speak one after the other, from what everything depends on to
//! single hosts; what one of them has explained, the later ones leave alone.

mod hosts;
mod local;
mod peers;
mod rounds;
mod usual;
mod view;

use super::{DiagnosisVerdict, Grade, Item, Point, grade};
use view::{View, begun};

/// Judges every check anew, then all of them together. What turns out to be meant so, or to be explained by something else,
/// loses its bad grade.
pub fn conclude(items: &mut [Item]) -> DiagnosisVerdict {
    for item in items.iter_mut() {
        if let Some(finding) = &item.finding {
            (item.grade, item.headline) = grade::grade(&item.spec, finding);
        }
    }
    let mut view = View::new(items);
    usual::gateway(&mut view);
    let is_closed_network = usual::outside(&mut view);
    usual::names(&mut view, is_closed_network);
    hosts::filtered(&mut view);
    hosts::hub(&mut view);
    peers::peers(&mut view);
    hosts::named(&mut view);
    rounds::loss(&mut view);
    rounds::slow(&mut view);
    rounds::chance(&mut view);
    hosts::mtu(&mut view);
    local::interfaces(&mut view);
    local::connections(&mut view);
    rest(&mut view);

    let is_anything_known = view.items.iter().any(|item| item.grade != Grade::Unknown);
    let mut points = view.points;
    points.sort_by_key(|point| std::cmp::Reverse(point.grade));
    let known = if is_anything_known { Grade::Fine } else { Grade::Unknown };
    let grade = points.first().map_or(known, |point| point.grade.max(known));
    let sentence = sentence(grade, &points, is_closed_network);
    DiagnosisVerdict { grade, sentence, is_closed_network, points }
}

/// What nothing else has explained.
fn rest(view: &mut View) {
    for at in view.untold(|item| item.grade >= Grade::Notable) {
        let item = &view.items[at];
        let (grade, cure) = (item.grade, view.cure(at));
        let text = format!("{}: {}: {}.", begun(&view.who_of(at)), item.spec.title, item.headline);
        view.point(grade, text, cure, vec![at]);
    }
}

fn sentence(grade: Grade, points: &[Point], is_closed_network: bool) -> String {
    let as_bad = points.iter().filter(|point| point.grade == grade).count();
    match (grade, points.first()) {
        (Grade::Bad | Grade::Notable, Some(first)) if as_bad > 1 => {
            format!("{} {} more like this below.", first.text, as_bad - 1)
        }
        (Grade::Bad | Grade::Notable, Some(first)) => first.text.clone(),
        (Grade::Unknown, _) => "Nothing could be checked.".to_owned(),
        _ if is_closed_network => {
            "Everything inside is as it should be; this network is closed, or its uplink is down.".to_owned()
        }
        _ => "Everything that was checked is as it should be.".to_owned(),
    }
}

#[cfg(test)]
mod tests;
