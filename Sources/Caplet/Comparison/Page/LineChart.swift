/// A chart of lines through points with error bars, as SVG: axes with units, a legend at the right.
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
    /// Whether the horizontal axis counts things.
    var xIsWhole = false
    var width = 760.0
    var leastHeight = 380.0

    /// Room for the whole legend.
    private var height: Double { max(leastHeight, LineChart.margin.top + 20 + Double(series.count) * LineChart.legendRow) }

    /// Distinct on light and on dark paper; after the last the first comes again with another dash.
    private static let colors = [
        "#2f7ed8", "#e07b00", "#2ca05a", "#d6455d", "#9467bd", "#9c6f44", "#d462a8", "#7f8c8d", "#a3a52a", "#17a2b8",
    ]
    private static let dashes = ["none", "7 3", "2 3", "9 3 2 3"]
    private static let legendRow = 19.0
    private static let legendLetters = 18
    private static let margin = (left: 72.0, right: 168.0, top: 34.0, bottom: 52.0)

    var svg: SVGElement {
        let x = ChartScale(series.flatMap { $0.points.map(\.x) }, isWhole: xIsWhole)
        let y = yScale
        var chart = SVGElement(
            "svg",
            [
                "viewBox": "0 0 \(SVGElement.pixels(width)) \(SVGElement.pixels(height))", "role": "img", "aria-label": title,
                "xmlns": "http://www.w3.org/2000/svg",
            ])
        chart.append(SVGElement("text", ["x": SVGElement.pixels(LineChart.margin.left), "y": "18", "class": "title"], text: title))
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
        return ChartScale(ends, includesZero: yIncludesZero)
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
        let color = LineChart.colors[index % LineChart.colors.count]
        let dash = LineChart.dashes[index / LineChart.colors.count % LineChart.dashes.count]
        let placed = one.points.compactMap { point -> (x: Double, y: Double, point: Point)? in
            guard let a = x.position(point.x), let b = y.position(point.y) else { return nil }
            return (pixelX(a), pixelY(b), point)
        }
        let path = placed.map { "\(SVGElement.pixels($0.x)),\(SVGElement.pixels($0.y))" }.joined(separator: " ")
        let thickness = one.stands ? "3.5" : "1.6"
        chart.append(
            SVGElement("polyline", ["points": path, "fill": "none", "stroke": color, "stroke-width": thickness, "stroke-dasharray": dash]))
        for (px, py, point) in placed {
            if let error = point.error, error > 0, let high = y.position(point.y + error) {
                let low = y.position(point.y - error) ?? 0
                chart.append(.line(from: (px, pixelY(low)), to: (px, pixelY(high)), class: "error", color: color))
            }
            let dot = SVGElement(
                "circle", ["cx": SVGElement.pixels(px), "cy": SVGElement.pixels(py), "r": one.stands ? "4.5" : "3", "fill": color])
            chart.append(dot.holding(SVGElement("title", text: point.remark)))
        }
        let row = LineChart.margin.top + 10 + Double(index) * LineChart.legendRow
        chart.append(
            SVGElement(
                "line",
                [
                    "x1": SVGElement.pixels(right + 14), "y1": SVGElement.pixels(row), "x2": SVGElement.pixels(right + 38),
                    "y2": SVGElement.pixels(row),
                    "stroke": color, "stroke-width": thickness, "stroke-dasharray": dash,
                ]))
        let name = one.name.count <= LineChart.legendLetters ? one.name : one.name.prefix(LineChart.legendLetters - 1) + "…"
        chart.append(.label(name, at: (right + 45, row + 4), anchor: "start"))
    }
}
