//! What Grafana takes as a dashboard, as far as ours uses it: names, types and what must be there,
//! written down from its published schemas (`kinds/dashboard/dashboard_kind.cue`, and the query of
//! its data source `prometheus`). A field that is not here is refused, so that nothing is shipped
//! whose name nobody looked up.

use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "that it can be read is the check")]
struct Dashboard {
    schema_version: u16,
    uid: String,
    title: String,
    refresh: String,
    time: Time,
    templating: Templating,
    panels: Vec<Panel>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "that it can be read is the check")]
struct Time {
    from: String,
    to: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "that it can be read is the check")]
struct Templating {
    list: Vec<Variable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "that it can be read is the check")]
struct Variable {
    name: String,
    r#type: VariableType,
    query: String,
    label: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum VariableType {
    Adhoc,
    Constant,
    Custom,
    Datasource,
    Interval,
    Query,
    Textbox,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Panel {
    Row(Row),
    Timeseries(Box<Timeseries>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "that it can be read is the check")]
struct Row {
    id: u32,
    title: Option<String>,
    collapsed: bool,
    grid_pos: GridPos,
    panels: Vec<Panel>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "that it can be read is the check")]
struct Timeseries {
    id: u32,
    title: Option<String>,
    description: Option<String>,
    grid_pos: GridPos,
    datasource: DataSource,
    field_config: FieldConfig,
    targets: Vec<Query>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GridPos {
    x: u32,
    #[expect(dead_code, reason = "any row will do")]
    y: u32,
    w: u32,
    h: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "that it can be read is the check")]
struct DataSource {
    r#type: Option<String>,
    uid: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "that it can be read is the check")]
struct FieldConfig {
    defaults: Defaults,
    overrides: [(); 0],
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "that it can be read is the check")]
struct Defaults {
    unit: Option<String>,
    min: Option<f64>,
    max: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "that it can be read is the check")]
struct Query {
    ref_id: String,
    expr: String,
    legend_format: Option<String>,
    exemplar: Option<bool>,
    datasource: Option<DataSource>,
}

/// Reads a dashboard as Grafana would.
pub fn check(dashboard: Value) -> Result<(), String> {
    let dashboard: Dashboard =
        serde_json::from_value(dashboard).map_err(|error| error.to_string())?;
    places(&dashboard.panels)
}

/// The grid is 24 wide, and a panel in it is not nothing.
fn places(panels: &[Panel]) -> Result<(), String> {
    for panel in panels {
        let at = match panel {
            Panel::Row(row) => {
                places(&row.panels)?;
                &row.grid_pos
            }
            Panel::Timeseries(panel) => &panel.grid_pos,
        };
        if at.w == 0 || at.h == 0 || at.x.saturating_add(at.w) > 24 {
            return Err(format!("{at:?} is outside of the grid"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shipped() -> Value {
        serde_json::from_str(include_str!("../../../../../deploy/grafana/quorate.json")).unwrap()
    }

    #[test]
    fn the_shipped_file_is_a_dashboard() {
        check(shipped()).unwrap();
    }

    /// Of every kind of object one field that is missing, and of every type one that is wrong.
    #[test]
    fn what_grafana_would_not_take_is_refused() {
        for (object, field, wrong) in [
            ("", "schemaVersion", json!("39")),
            ("", "panels", json!({})),
            ("", "title", json!(7)),
            ("/time", "from", json!(0)),
            ("/templating/list/0", "type", json!("source")),
            ("/panels/0", "collapsed", json!("no")),
            ("/panels/1", "type", json!("graf")),
            ("/panels/1", "id", json!(-1)),
            ("/panels/1", "targets", json!("up")),
            ("/panels/1/gridPos", "w", json!(25)),
            ("/panels/1/gridPos", "h", json!(0.5)),
            ("/panels/1/fieldConfig", "defaults", json!([])),
            ("/panels/1/targets/0", "expr", json!(["up"])),
            ("/panels/1/targets/0", "refId", json!(true)),
        ] {
            let spoil = |with: Option<Value>| {
                let mut dashboard = shipped();
                let object = dashboard.pointer_mut(object).unwrap().as_object_mut().unwrap();
                let was = object.remove(field);
                assert!(was.is_some(), "{field}");
                object.extend(with.map(|value| (field.to_owned(), value)));
                check(dashboard)
            };
            assert!(spoil(None).is_err(), "{object} without {field}");
            assert!(spoil(Some(wrong.clone())).is_err(), "{object}: {field} = {wrong}");
        }
        let mut more = shipped();
        more["panels"][1]["feildConfig"] = json!({});
        assert!(check(more).unwrap_err().contains("feildConfig"));
    }
}
