/// A chart of lines through points with error bars: its title, SVG with axes and units, and the legend below, in the order of the lines.
///
/// Narrow, so that its letters stay large enough to read where a page is as wide as a telephone.
struct LineChart {
    struct Point {
        let x: Double
        let y: Double
        var error: Double?
        /// Shown when the pointer rests on it.
        let remark: String
    }

    struct Series {
        let name: String
        let points: [Point]
        /// Drawn thicker than the others.
        var stands = false
    }

    let title: String
    let xLabel: String
    let yLabel: String
    let series: [Series]
    var yIncludesZero = false
    var yMayBeLogarithmic = false
    /// Whether the vertical axis counts things.
    var yIsWhole = false
    /// Whether the horizontal axis counts things.
    var xIsWhole = false
    private let width = 480.0
    private let height = 320.0

    /// Distinct on light and on dark paper; after the last the first comes again with another dash.
    private static let colors = [
        "#2f7ed8", "#e07b00", "#2ca05a", "#d6455d", "#9467bd", "#9c6f44", "#d462a8", "#7f8c8d", "#a3a52a", "#17a2b8",
    ]
    private static let dashes = ["none", "7 3", "2 3", "9 3 2 3"]
    private static let margin = (left: 78.0, right: 14.0, top: 12.0, bottom: 52.0)

    /// With title and legend.
    var figure: SVGElement {
        var legend = SVGElement("ul", ["class": "legend"])
        for (index, one) in series.enumerated() {
            let line = SVGElement(
                "line", ["x1": "0", "y1": "6", "x2": "26", "y2": "6", "class": one.stands ? "stands" : "line"], style(of: index))
            let sample = SVGElement("svg", ["viewBox": "0 0 26 12", "width": "26", "height": "12", "aria-hidden": "true"]).holding(line)
            legend.append(SVGElement("li").holding(sample).holding(SVGElement("span", text: one.name)))
        }
        return SVGElement("figure").holding(SVGElement("figcaption", text: title)).holding(svg).holding(legend)
    }

    private func style(of index: Int) -> [(name: String, value: String)] {
        [
            ("stroke", LineChart.colors[index % LineChart.colors.count]),
            ("stroke-dasharray", LineChart.dashes[index / LineChart.colors.count % LineChart.dashes.count]),
        ]
    }

    private var svg: SVGElement {
        let x = ChartScale(series.flatMap { $0.points.map(\.x) }, isWhole: xIsWhole)
        let y = yScale
        var chart = SVGElement(
            "svg",
            [
                "viewBox": "0 0 \(SVGElement.pixels(width)) \(SVGElement.pixels(height))", "role": "img", "aria-label": title,
                "xmlns": "http://www.w3.org/2000/svg",
            ])
        drawAxes(x, y, in: &chart)
        for (index, one) in series.enumerated() { draw(one, index, x, y, in: &chart) }
        return chart
    }

    /// Error bars fit too, except on a logarithmic axis that they would stretch to nothing.
    private var yScale: ChartScale {
        let values = series.flatMap { $0.points.map(\.y) }
        let scale = ChartScale(values, includesZero: yIncludesZero, mayBeLogarithmic: yMayBeLogarithmic)
        if scale.isLogarithmic { return scale }
        let ends = series.flatMap { $0.points.flatMap { [$0.y - ($0.error ?? 0), $0.y + ($0.error ?? 0)] } }
        return ChartScale(ends, includesZero: yIncludesZero, isWhole: yIsWhole)
    }

    private var right: Double { width - LineChart.margin.right }
    private var bottom: Double { height - LineChart.margin.bottom }
    private func pixelX(_ share: Double) -> Double { LineChart.margin.left + share * (right - LineChart.margin.left) }
    private func pixelY(_ share: Double) -> Double { bottom - share * (bottom - LineChart.margin.top) }

    private func drawAxes(_ x: ChartScale, _ y: ChartScale, in chart: inout SVGElement) {
        for tick in x.ticks {
            guard let share = x.position(tick) else { continue }
            chart.append(.line(from: (pixelX(share), LineChart.margin.top), to: (pixelX(share), bottom), class: "grid"))
            chart.append(.label(x.label(tick), at: (pixelX(share), bottom + 17)))
        }
        for tick in y.ticks {
            guard let share = y.position(tick) else { continue }
            chart.append(.line(from: (LineChart.margin.left, pixelY(share)), to: (right, pixelY(share)), class: "grid"))
            chart.append(.label(y.label(tick), at: (LineChart.margin.left - 7, pixelY(share) + 4), anchor: "end"))
        }
        chart.append(.line(from: (LineChart.margin.left, bottom), to: (right, bottom), class: "axis"))
        chart.append(.line(from: (LineChart.margin.left, LineChart.margin.top), to: (LineChart.margin.left, bottom), class: "axis"))
        chart.append(.label(xLabel, at: ((LineChart.margin.left + right) / 2, height - 12)))
        let middle = (LineChart.margin.top + bottom) / 2
        let name = yLabel + (y.isLogarithmic ? ", logarithmic" : "")
        chart.append(
            SVGElement(
                "text",
                [
                    "x": "16", "y": SVGElement.pixels(middle), "text-anchor": "middle",
                    "transform": "rotate(-90 16 \(SVGElement.pixels(middle)))",
                ], text: name))
    }

    private func draw(_ one: Series, _ index: Int, _ x: ChartScale, _ y: ChartScale, in chart: inout SVGElement) {
        let style = style(of: index)
        let color = style[0].value
        let placed = one.points.compactMap { point -> (x: Double, y: Double, point: Point)? in
            guard let a = x.position(point.x), let b = y.position(point.y) else { return nil }
            return (pixelX(a), pixelY(b), point)
        }
        let path = placed.map { "\(SVGElement.pixels($0.x)),\(SVGElement.pixels($0.y))" }.joined(separator: " ")
        chart.append(SVGElement("polyline", ["points": path, "fill": "none", "class": one.stands ? "stands" : "line"], style))
        for (px, py, point) in placed {
            if let error = point.error, error > 0, let high = y.position(point.y + error) {
                let low = y.position(point.y - error) ?? 0
                chart.append(.line(from: (px, pixelY(low)), to: (px, pixelY(high)), class: "error", color: color))
            }
            let dot = SVGElement(
                "circle", ["cx": SVGElement.pixels(px), "cy": SVGElement.pixels(py), "r": one.stands ? "4.5" : "3", "fill": color])
            chart.append(dot.holding(SVGElement("title", text: point.remark)))
        }
    }
}
