//! The results of a simulation as a drawing: how long each class waits, and what was promised against
//! what came. Must not know where it is kept.

use anyhow::anyhow;
use helpdesk::simulation::Report;
use plotters::prelude::{
    BLACK, ChartBuilder, Circle, Color, IntoDrawingArea, LineSeries, PathElement, RGBColor,
    SVGBackend, WHITE,
};

const SIZE: (u32, u32) = (1_000, 460);
/// Told apart by colour-blind eyes too, after Okabe and Ito.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

/// The drawing as SVG.
pub(super) fn draw(report: &Report) -> anyhow::Result<String> {
    let mut svg = String::new();
    draw_into(&mut svg, report).map_err(|error| anyhow!("{error}"))?;
    Ok(svg)
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

fn draw_into(svg: &mut String, report: &Report) -> Drawn {
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (left, right) = root.split_horizontally(SIZE.0 / 2);
    draw_waits(&left, report)?;
    draw_promises(&right, report)?;
    root.present()?;
    Ok(())
}

type Area<'a> = plotters::drawing::DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn draw_waits(area: &Area<'_>, report: &Report) -> Drawn {
    // The last percent would squeeze all others to the left edge.
    let shown = |waits: &[(f64, f64)]| {
        let seen = waits.iter().take_while(|(_, longer)| *longer >= 0.01);
        seen.last().map_or(0.0, |(wait, _)| *wait)
    };
    let classes = || report.classes.iter();
    let longest = classes()
        .map(|(_, class)| shown(&class.waits))
        .fold(1e-9, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption("Share that waits longer", ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(48)
        .build_cartesian_2d(0.0..longest, 0.0..1.0)?;
    chart
        .configure_mesh()
        .x_desc("seconds waited")
        .x_label_formatter(&whole)
        .y_label_formatter(&|share| format!("{:.0} %", 100.0 * share))
        .light_line_style(WHITE)
        .draw()?;
    for ((name, class), colour) in classes().zip(COLOURS.into_iter().cycle()) {
        let waits = class.waits.iter().copied();
        let within = waits.take_while(|(wait, _)| *wait <= longest);
        chart
            .draw_series(LineSeries::new(within, colour.stroke_width(2)))?
            .label(name.as_str())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .background_style(WHITE)
        .border_style(BLACK.mix(0.2))
        .draw()?;
    Ok(())
}

fn draw_promises(area: &Area<'_>, report: &Report) -> Drawn {
    let most = report.promises.iter().map(|promise| promise.count).max();
    // A handful of promises says nothing of the rest of their size.
    let enough = most.unwrap_or(0) / 50;
    let promises: Vec<_> = report
        .promises
        .iter()
        .filter(|promise| promise.count >= enough.max(5))
        .collect();
    let longest = promises
        .iter()
        .map(|promise| promise.high.max(promise.actual))
        .fold(1e-9, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption("Promised and actual wait", ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..longest, 0.0..longest)?;
    chart
        .configure_mesh()
        .x_desc("seconds promised, with the range of 80 %")
        .y_desc("seconds waited, on the average")
        .x_label_formatter(&whole)
        .y_label_formatter(&whole)
        .light_line_style(WHITE)
        .draw()?;
    let diagonal = [(0.0, 0.0), (longest, longest)];
    chart.draw_series(LineSeries::new(diagonal, BLACK.mix(0.4)))?;
    let [colour, ..] = COLOURS;
    chart.draw_series(promises.iter().map(|promise| {
        let range = [
            (promise.low, promise.actual),
            (promise.high, promise.actual),
        ];
        PathElement::new(range, colour.mix(0.4).stroke_width(2))
    }))?;
    chart.draw_series(
        promises
            .iter()
            .map(|promise| Circle::new((promise.promised, promise.actual), 4, colour.filled())),
    )?;
    Ok(())
}

/// A number of seconds on an axis.
fn whole(seconds: &f64) -> String {
    format!("{seconds:.0}")
}
