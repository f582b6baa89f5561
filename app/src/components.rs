//! The parts pages are made of.

pub(crate) mod alert_feed;
pub(crate) mod canvas;
pub(crate) mod chart_card;
pub(crate) mod connection_bar;
pub(crate) mod dialog;
pub(crate) mod empty_state;
pub(crate) mod field;
pub(crate) mod figure;
pub(crate) mod frame;
pub(crate) mod heat_map;
pub(crate) mod icon;
pub(crate) mod live_state;
pub(crate) mod measurement_notice;
pub(crate) mod mesh_verdict;
pub(crate) mod nav;
pub(crate) mod palette;
pub(crate) mod shortcuts;
pub(crate) mod sparkline;
pub(crate) mod stat_tile;
pub(crate) mod status_badge;
pub(crate) mod target_list;
pub(crate) mod text_input;
pub(crate) mod theme_switch;
pub(crate) mod time_range;
pub(crate) mod topbar;
pub(crate) mod when;
