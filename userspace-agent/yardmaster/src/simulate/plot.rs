// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The plot of a simulation: latency, errors and utilisation over the load.

use plotters::coord::types::RangedCoordf64;
use plotters::coord::Shift;
use plotters::prelude::*;

use super::result::{PhaseResult, RunResult};

/// Width and height in pixels.
const SIZE: (u32, u32) = (1200, 900);
/// Told apart by those who do not see all colours as well (Okabe and Ito).
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 0, 0),
    RGBColor(230, 159, 0),
    RGBColor(0, 114, 178),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(213, 94, 0),
];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Of = fn(&PhaseResult) -> f64;

/// What a panel shows.
struct Panel {
    title: &'static str,
    of: Of,
    /// The least and most of a linear scale; `None` for a logarithmic one.
    linear: Option<(f64, f64)>,
}

const MILLISECONDS: f64 = 1000.0;

const PANELS: [Panel; 6] = [
    Panel {
        title: "p50, ms",
        of: |p| p.p50 * MILLISECONDS,
        linear: None,
    },
    Panel {
        title: "p99, ms",
        of: |p| p.p99 * MILLISECONDS,
        linear: None,
    },
    Panel {
        title: "p99.9, ms",
        of: |p| p.p999 * MILLISECONDS,
        linear: None,
    },
    Panel {
        title: "errors, %",
        of: |p| p.error_rate() * 100.0,
        linear: Some((0.0, 1.0)),
    },
    Panel {
        title: "most utilised server, of what is available to it",
        of: |p| p.utilisation[2],
        linear: Some((0.0, 1.0)),
    },
    Panel {
        title: "most utilised server over the mean",
        of: |p| p.peak_to_mean,
        linear: Some((1.0, 1.1)),
    },
];

/// Why a plot could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the plot cannot be drawn: {0}")]
pub struct PlotError(String);

impl<E: std::error::Error + Send + Sync> From<DrawingAreaErrorKind<E>> for PlotError {
    fn from(error: DrawingAreaErrorKind<E>) -> Self {
        Self(error.to_string())
    }
}

/// The runs as one SVG image.
pub fn plot(title: &str, runs: &[RunResult]) -> Result<String, PlotError> {
    let mut image = String::new();
    {
        let area = SVGBackend::with_string(&mut image, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let area = area.titled(title, ("sans-serif", 22))?;
        let (panels, legend) = area.split_vertically(SIZE.1 - 80);
        for (area, panel) in panels.split_evenly((2, 3)).iter().zip(&PANELS) {
            draw(area, panel, runs)?;
        }
        explain(&legend, runs)?;
        area.present()?;
    }
    Ok(image)
}

fn draw(area: &Area<'_>, panel: &Panel, runs: &[RunResult]) -> Result<(), PlotError> {
    let phases = || runs.iter().flat_map(|run| &run.phases);
    let loads = phases()
        .map(|p| p.load)
        .fold((f64::MAX, 0.0_f64), |(least, most), load| {
            (least.min(load), most.max(load))
        });
    // One load is a line of no length.
    let x = (loads.0 - 0.02)..(loads.1 + 0.02);
    let values = || phases().map(panel.of).filter(|v| v.is_finite());
    let most = values().fold(0.0, f64::max);
    let mut builder = ChartBuilder::on(area);
    builder
        .caption(panel.title, ("sans-serif", 16))
        .margin(8)
        .x_label_area_size(30)
        .y_label_area_size(50);
    if let Some((low, high)) = panel.linear {
        let mut chart = builder.build_cartesian_2d(x, low..(most * 1.03).max(high))?;
        mesh(&mut chart)?;
        for (run, colour) in runs.iter().zip(COLOURS.iter().cycle()) {
            chart.draw_series(line(run, panel.of, *colour))?;
        }
    } else {
        let least = values().filter(|v| *v > 0.0).fold(f64::MAX, f64::min);
        let y = (least * 0.8).max(0.001)..(most * 1.25).max(1.0);
        let mut chart = builder.build_cartesian_2d(x, y.log_scale())?;
        chart
            .configure_mesh()
            .x_desc("load, of the allocation")
            .light_line_style(WHITE)
            .draw()?;
        for (run, colour) in runs.iter().zip(COLOURS.iter().cycle()) {
            chart.draw_series(line(run, panel.of, *colour))?;
        }
    }
    Ok(())
}

type Linear<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

fn mesh(chart: &mut Linear<'_, '_>) -> Result<(), PlotError> {
    chart
        .configure_mesh()
        .x_desc("load, of the allocation")
        .light_line_style(WHITE)
        .draw()?;
    Ok(())
}

fn line<'b>(run: &RunResult, of: Of, colour: RGBColor) -> LineSeries<SVGBackend<'b>, (f64, f64)> {
    let points = run.phases.iter().map(|p| (p.load, of(p)));
    LineSeries::new(points, colour.stroke_width(2)).point_size(3)
}

/// Which line is whose, one beside the other.
fn explain(area: &Area<'_>, runs: &[RunResult]) -> Result<(), PlotError> {
    let each = i32::try_from(SIZE.0).unwrap_or(0) - 60;
    let each = each / i32::try_from(runs.len().max(1)).unwrap_or(1);
    let mut x = 40;
    for (run, colour) in runs.iter().zip(COLOURS.iter().cycle()) {
        area.draw(&PathElement::new(
            vec![(x, 16), (x + 24, 16)],
            colour.stroke_width(3),
        ))?;
        area.draw(&Text::new(
            run.name.clone(),
            (x + 30, 9),
            ("sans-serif", 15),
        ))?;
        x += each;
    }
    Ok(())
}
