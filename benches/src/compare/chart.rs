//! Raw figures as drawings: who answers how much, and what an operation costs as there is more of everything.
//! Must not know how they were measured.

use anyhow::anyhow;
use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::element::{PathElement, Rectangle, Text};
use plotters::prelude::{
    BLACK, ChartBuilder, Circle, Color, IntoDrawingArea, IntoLogRange, LineSeries, RGBColor,
    SVGBackend, TextStyle, WHITE,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use serde_json::Value;

use super::table::{contenders, count_notifies, kind, kinds, number, of_contender, spread};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Told apart by colour-blind eyes too, after Okabe and Ito.
const COLOURS: [(&str, RGBColor); 4] = [
    ("Deskbell", RGBColor(0, 114, 178)),
    ("Kamailio", RGBColor(230, 159, 0)),
    ("Kamailio with tm", RGBColor(213, 94, 0)),
    ("echo", RGBColor(140, 140, 140)),
];
const WIDTH: u32 = 1_000;
const FONT: &str = "sans-serif";
/// Where the bars begin and how far the longest reaches.
const BARS: (i32, i32) = (260, 860);
const BAR: i32 = 16;
const GAP: i32 = 14;
const HEAD: i32 = 64;
/// Microseconds. Ten watchers share the cost of the PUBLISH that they are told of: what is dearer than this is not shown.
const DEAREST: f64 = 40.0;

/// One case and what each contender has answered or sent in it.
struct Row {
    case: String,
    bars: Vec<Bar>,
}

/// A second.
struct Bar {
    contender: String,
    least: f64,
    median: f64,
    most: f64,
}

/// Bars of all cases that go as fast as they are answered, as SVG.
pub(super) fn of_rates(lines: &[Value]) -> anyhow::Result<String> {
    let rows = rows(lines);
    let bars: usize = rows.iter().map(|row| row.bars.len()).sum();
    let height = HEAD + BAR * i32::try_from(bars)? + GAP * i32::try_from(rows.len())? + GAP;
    let mut svg = String::new();
    draw_rates(&mut svg, &rows, height).map_err(|error| anyhow!("{error}"))?;
    Ok(svg)
}

fn rows(lines: &[Value]) -> Vec<Row> {
    let paced = |line: &&Value| line.get("rate").is_some_and(Value::is_number);
    let lines: Vec<&Value> = lines.iter().filter(|line| !paced(line)).collect();
    let row = |case: String| {
        let of_case = |line: &&&Value| kind(line) == case;
        let runs: Vec<&Value> = lines.iter().filter(of_case).copied().collect();
        let bar = |name: &str| {
            let runs = of_contender(&runs, name);
            let field = match count_notifies(&runs) {
                true => "notifies_per_second",
                false => "per_second",
            };
            let (least, median, most) = spread(&runs, field)?;
            let contender = name.to_owned();
            Some(Bar {
                contender,
                least,
                median,
                most,
            })
        };
        let bars = contenders(&runs).into_iter().filter_map(bar).collect();
        Row { case, bars }
    };
    kinds(lines.iter().copied()).into_iter().map(row).collect()
}

fn draw_rates(svg: &mut String, rows: &[Row], height: i32) -> Drawn {
    let size = (WIDTH, u32::try_from(height)?);
    let area = SVGBackend::with_string(svg, size).into_drawing_area();
    area.fill(&WHITE)?;
    write(
        &area,
        "Answers a second, or NOTIFYs; median, with the least and the most",
        (16, 22),
        17,
        HPos::Left,
    )?;
    legend(&area)?;
    let bars = rows.iter().flat_map(|row| &row.bars);
    let most = bars.map(|bar| bar.most).fold(1.0, f64::max);
    let reach = |value: f64| BARS.0 + (f64::from(BARS.1 - BARS.0) * value / most) as i32;
    let mut top = HEAD;
    for Row { case, bars } in rows {
        let middle = top + BAR * i32::try_from(bars.len())? / 2;
        write(&area, case, (BARS.0 - 10, middle), 13, HPos::Right)?;
        for bar in bars {
            let (from, to) = ((BARS.0, top + 1), (reach(bar.median), top + BAR - 1));
            area.draw(&Rectangle::new([from, to], colour(&bar.contender).filled()))?;
            let middle = top + BAR / 2;
            let range = [(reach(bar.least), middle), (reach(bar.most), middle)];
            area.draw(&PathElement::new(range, BLACK.mix(0.6)))?;
            let end = (reach(bar.most) + 6, middle);
            write(&area, &number(bar.median), end, 12, HPos::Left)?;
            top += BAR;
        }
        top += GAP;
    }
    area.present()?;
    Ok(())
}

fn legend(area: &Area<'_>) -> Drawn {
    let mut left = BARS.0;
    for (name, colour) in COLOURS {
        area.draw(&Rectangle::new(
            [(left, 40), (left + 12, 52)],
            colour.filled(),
        ))?;
        write(area, name, (left + 18, 46), 13, HPos::Left)?;
        left += 150;
    }
    Ok(())
}

fn colour(contender: &str) -> RGBColor {
    let found = COLOURS.into_iter().find(|(name, _)| *name == contender);
    found.map_or(BLACK, |(_, colour)| colour)
}

fn write(area: &Area<'_>, text: &str, at: (i32, i32), size: i32, side: HPos) -> Drawn {
    let style = TextStyle::from((FONT, size)).pos(Pos::new(side, VPos::Center));
    Ok(area.draw(&Text::new(text.to_owned(), at, style))?)
}

/// What an operation costs with more and more of each thing that grows, as SVG.
pub(super) fn of_growth(lines: &[Value]) -> anyhow::Result<String> {
    let mut svg = String::new();
    draw_growth(&mut svg, lines).map_err(|error| anyhow!("{error}"))?;
    Ok(svg)
}

fn draw_growth(svg: &mut String, lines: &[Value]) -> Drawn {
    let mut names: Vec<&str> = Vec::new();
    for name in lines
        .iter()
        .filter_map(|line| line.get("growing")?.as_str())
    {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let area = SVGBackend::with_string(svg, (WIDTH, 340)).into_drawing_area();
    area.fill(&WHITE)?;
    for (panel, name) in area.split_evenly((1, names.len().max(1))).iter().zip(names) {
        draw_panel(panel, name, lines)?;
    }
    area.present()?;
    Ok(())
}

fn draw_panel(area: &Area<'_>, growing: &str, lines: &[Value]) -> Drawn {
    let mut curves: Vec<(&str, Vec<(f64, f64)>)> = Vec::new();
    for line in lines {
        let word = |field: &str| line.get(field).and_then(Value::as_str);
        let figure = |field: &str| line.get(field).and_then(Value::as_f64);
        if word("growing") != Some(growing) {
            continue;
        }
        // Seconds for a thousand are milliseconds for one.
        let cost = figure("server_cpu_per_1000_notifies").or(figure("server_cpu_per_1000"));
        if let (Some(case), Some(size), Some(cost)) = (word("case"), figure("size"), cost) {
            let point = (size, 1000.0 * cost);
            match curves.iter_mut().find(|(name, _)| *name == case) {
                Some((_, points)) => points.push(point),
                None => curves.push((case, vec![point])),
            }
        }
    }
    let points = || curves.iter().flat_map(|(_, points)| points);
    let (least, most) = points().fold((f64::MAX, 1.0_f64), |(least, most), (size, _)| {
        (least.min(*size), most.max(*size))
    });
    let dearest = points()
        .map(|(_, cost)| *cost)
        .fold(1.0, f64::max)
        .min(DEAREST);
    let mut chart = ChartBuilder::on(area)
        .caption(growing, (FONT, 16))
        .margin(12)
        // Half of the last label.
        .margin_right(32)
        .x_label_area_size(36)
        .y_label_area_size(48)
        .build_cartesian_2d((least..most).log_scale(), 0.0..1.1 * dearest)?;
    chart
        .configure_mesh()
        .x_labels(6)
        .y_desc("server CPU us for each")
        .x_label_formatter(&|size| format!("{size:.0}"))
        .y_label_formatter(&|cost| format!("{cost:.0}"))
        .light_line_style(WHITE)
        .draw()?;
    for ((case, points), (_, colour)) in curves.iter().zip(COLOURS) {
        let within = || points.iter().copied().filter(|(_, cost)| *cost <= DEAREST);
        chart
            .draw_series(LineSeries::new(within(), colour.stroke_width(2)))?
            .label(*case)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
        chart.draw_series(within().map(|point| Circle::new(point, 3, colour.filled())))?;
    }
    chart
        .configure_series_labels()
        .background_style(WHITE)
        .border_style(BLACK.mix(0.2))
        .draw()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{of_growth, of_rates};

    #[test]
    fn each_case_has_a_bar_for_each_contender_as_long_as_its_median() {
        let run = |contender: &str, per_second: u32, rate: Option<u32>| json!({"transport": "udp", "case": "publish", "contender": contender, "per_second": per_second, "rate": rate});
        let svg = of_rates(&[
            run("Deskbell", 200, None),
            run("Deskbell", 300, None),
            run("Kamailio", 100, None),
            run("echo", 9_000, Some(7)),
        ]);
        let svg = svg.unwrap();
        for text in ["UDP publish", "Deskbell", "Kamailio", "\n250\n", "\n100\n"] {
            assert!(svg.contains(text), "{text}: {svg}");
        }
        // The longest reaches 300.
        assert!(
            svg.contains("width=\"500\"") && svg.contains("width=\"200\""),
            "{svg}"
        );
        assert!(!svg.contains("9000"), "{svg}");
    }

    #[test]
    fn what_grows_has_a_panel_with_a_curve_for_each_case() {
        let run = |growing: &str, case: &str, size: u32| json!({"growing": growing, "case": case, "size": size, "server_cpu_per_1000": 0.005});
        let svg = of_growth(&[
            run("presentities", "refresh", 10),
            run("presentities", "refresh", 1_000),
            run("presentities", "modify", 10),
            run("watchers of one", "watch", 10),
            run("watchers of one", "watch", 100),
        ]);
        let svg = svg.unwrap();
        for text in [
            "presentities",
            "watchers of one",
            "refresh",
            "modify",
            "watch",
        ] {
            assert!(svg.contains(text), "{text}: {svg}");
        }
        assert_eq!(svg.matches("<circle").count(), 5, "{svg}");
    }
}
