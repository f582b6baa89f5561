//! Putting what changed into lists that are in order.

use netloom_core::{api::NodeStatus, diagnosis::DiagnosisBrief, incident::Incident, mark::Mark, run::Run};

/// Incidents a page keeps: more than anyone reads. The oldest go first.
const INCIDENTS_MAX: usize = 500;

/// Marks a page keeps: more than all charts show. The oldest go first.
const MARKS_MAX: usize = 1_000;
/// Diagnoses a page keeps: more than the list shows. The oldest go first.
const DIAGNOSES_MAX: usize = 200;

/// Puts a node in its place in a list that is ordered by name.
pub(super) fn upsert_node(nodes: &mut Vec<NodeStatus>, node: NodeStatus) {
    if let Some(known) = nodes.iter_mut().find(|known| known.info.node == node.info.node) {
        *known = node;
        return;
    }
    let at = nodes.partition_point(|known| known.info.node < node.info.node);
    nodes.insert(at, node);
}

/// Puts an incident in its place in a list that is newest first.
pub(super) fn upsert_incident(incidents: &mut Vec<Incident>, incident: Incident) {
    if let Some(known) = incidents.iter_mut().find(|known| known.id == incident.id) {
        *known = incident;
        return;
    }
    let at = incidents.partition_point(|known| known.id > incident.id);
    incidents.insert(at, incident);
    incidents.truncate(INCIDENTS_MAX);
}

/// Puts a run in its place in a list that is newest first.
pub(crate) fn upsert_run(runs: &mut Vec<Run>, run: Run) {
    // A run keeps its start, and so its place.
    let at = runs.partition_point(|known| (known.started_at, &known.id) > (run.started_at, &run.id));
    match runs.get_mut(at).filter(|known| known.id == run.id) {
        Some(known) => *known = run,
        None => runs.insert(at, run),
    }
}

/// Puts a mark in its place in a list that is newest first.
pub(super) fn upsert_mark(marks: &mut Vec<Mark>, mark: Mark) {
    marks.retain(|known| known.id != mark.id);
    let at = marks.partition_point(|known| (known.mark.at, known.id) > (mark.mark.at, mark.id));
    marks.insert(at, mark);
    marks.truncate(MARKS_MAX);
}

/// Puts a diagnosis in its place in a list that is newest first.
pub(super) fn upsert_diagnosis(all: &mut Vec<DiagnosisBrief>, one: DiagnosisBrief) {
    all.retain(|known| known.id != one.id);
    let at = all.partition_point(|known| (known.started_at, &known.id) > (one.started_at, &one.id));
    all.insert(at, one);
    all.truncate(DIAGNOSES_MAX);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{diagnosis, incident, mark, node, run};
    use netloom_core::{diagnosis::DiagnosisState, incident::IncidentState, mark::MarkKind, time::Timestamp};

    #[test]
    fn marks_and_diagnoses_stay_newest_first_and_each_is_there_once() {
        let (mut marks, mut diagnoses) = (Vec::new(), Vec::new());
        for (id, start_ms) in [(1, 2), (2, 3), (3, 1), (2, 3)] {
            let mut one = mark(MarkKind::Around, "n1", "");
            (one.id, one.mark.at) = (id, Timestamp(start_ms));
            upsert_mark(&mut marks, one);
            let mut one = diagnosis(&id.to_string(), DiagnosisState::Running);
            one.started_at = Timestamp(start_ms);
            upsert_diagnosis(&mut diagnoses, one);
        }
        assert_eq!(marks.iter().map(|mark| mark.id).collect::<Vec<_>>(), [2, 1, 3]);
        assert_eq!(diagnoses.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["2", "1", "3"]);
    }

    #[test]
    fn runs_stay_newest_first_and_each_is_there_once() {
        let mut runs = Vec::new();
        for (id, start_ms) in [("a", 2), ("b", 3), ("c", 1), ("d", 3), ("b", 3)] {
            upsert_run(&mut runs, Run { started_at: Timestamp(start_ms), ..run(id) });
        }
        assert_eq!(runs.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), ["d", "b", "a", "c"]);
    }

    #[test]
    fn nodes_stay_in_the_order_of_their_names() {
        let mut nodes = Vec::new();
        for name in ["b", "a", "b"] {
            upsert_node(&mut nodes, node(name, &["x"]));
        }
        let names: Vec<_> = nodes.iter().map(|node| node.info.node.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn incidents_stay_newest_first_and_few() {
        let numbered = |id| Incident { id, ..incident("loss_high", IncidentState::Firing, "a") };
        let mut incidents = Vec::new();
        for id in [2, 1, 3, 2] {
            upsert_incident(&mut incidents, numbered(id));
        }
        assert_eq!(incidents.iter().map(|incident| incident.id).collect::<Vec<_>>(), [3, 2, 1]);
        (4..1_000).for_each(|id| upsert_incident(&mut incidents, numbered(id)));
        assert_eq!((incidents.len(), incidents[0].id), (INCIDENTS_MAX, 999));
    }
}
