import ModelGraph
import PassKit

/// One compression as a page: what was done, what it cost, and charts of the layers.
struct CompressionPage {
    /// A linear layer as it became.
    struct Layer {
        let shape: LayerShape
        /// Bits that are stored for each weight: as an entropy coder needs them where a pass has counted that.
        let bits: Double
        /// Share of its codes that are zero; nil where no pass has counted that.
        let zeroShare: Double?
    }

    let model: String
    let result: CompressionResult
    let layers: [Layer]

    static let mark = "<title>A compression by Caplet</title>"

    init(_ result: CompressionResult, model: String, of graph: TensorGraph) {
        (self.result, self.model) = (result, model)
        var coded: [String: Double] = [:]
        var zeros: [String: Double] = [:]
        for entry in result.passes.flatMap(\.tensors) {
            if let share = entry.measurement("zeroShare") { zeros[entry.name] = share }
            if let bits = entry.measurement("entropyBitsPerWeight") { coded[entry.name] = bits }
        }
        let stored = Dictionary(graph.tensors.map { ($0.name, 8 * Double($0.payload.byteCount) / Double(max($0.shape.elementCount, 1))) }) {
            first, _ in first
        }
        layers = LayerShape.all(of: graph, result.passes).map {
            Layer(shape: $0, bits: coded[$0.name] ?? stored[$0.name] ?? 0, zeroShare: zeros[$0.name])
        }
    }

    var text: String {
        let facts: [(name: String, value: String)] = [
            ("model", model), ("result", result.output), ("pipeline", result.pipeline.isEmpty ? "none: packed as it is" : result.pipeline),
            (
                "parameters",
                "\(NumberText.grouped(result.parametersBefore)) → \(NumberText.grouped(result.parametersAfter)), in linear layers "
                    + "\(NumberText.grouped(result.linearParametersBefore)) → \(NumberText.grouped(result.linearParametersAfter))"
            ),
        ]
        var body = [
            "<h1>\(SVGElement.escaped(model)), compressed</h1>", PageFrame.facts(facts), "<h2>What it cost</h2>",
            PageFrame.facts(result.costLines),
        ]
        if !layerCharts.isEmpty { body += ["<h2>Layers</h2>", PageFrame.charts(layerCharts)] }
        body += ["<h2>Passes</h2>", passes]
        if !curves.isEmpty { body.append(PageFrame.charts(curves)) }
        return PageFrame.text(mark: CompressionPage.mark, body: body, footer: "caplet \(Version.text), seed \(result.seed)")
    }

    private var layerCharts: [LineChart] {
        let shapes = layers.map(\.shape)
        let bits = Dictionary(layers.map { ($0.shape.name, $0.bits) }) { first, _ in first }
        let zeros = Dictionary(layers.compactMap { layer in layer.zeroShare.map { (layer.shape.name, $0) } }) { first, _ in first }
        let own = [
            shapes.contains { $0.rank > 0 }
                ? LayerCharts.chart(shapes, "Rank of the layers", "rank", isWhole: true) { Double($0.rank) } : nil,
            shapes.contains { $0.density > 0 && $0.density < 1 }
                ? LayerCharts.chart(shapes, "Density of the layers", "entries kept, share of all") { $0.density } : nil,
            LayerCharts.chart(shapes, "Bits of the layers", "bits stored for each weight") { bits[$0.name] },
            layers.contains { $0.zeroShare != nil }
                ? LayerCharts.chart(shapes, "Zeros of the layers", "share of the codes that are zero") { zeros[$0.name] } : nil,
        ]
        return own.compactMap { $0 } + result.passes.compactMap { errorChart($0, shapes) }
    }

    /// What a pass changed of what it was given; nil where that is nothing.
    private func errorChart(_ pass: PassReport, _ shapes: [LayerShape]) -> LineChart? {
        let errors = Dictionary(pass.tensors.map { ($0.name, $0.relativeError) }) { first, _ in first }
        guard errors.values.contains(where: { $0 > 0 && $0.isFinite }) else { return nil }
        return LayerCharts.chart(shapes, "Error of \(pass.pass)", "relative to what it was given") { errors[$0.name] }
    }

    private var passes: String {
        var table = SVGElement("table")
        let head = ["pass", "tensors", "relative error", "seconds"]
        table.append(head.reduce(SVGElement("tr")) { $0.holding(SVGElement("th", text: $1)) })
        for pass in result.passes {
            let cells = [
                pass.pass, "\(pass.tensors.count)", NumberText.significant(pass.relativeError), NumberText.decimal(pass.seconds, places: 1),
            ]
            table.append(cells.reduce(SVGElement("tr")) { $0.holding(SVGElement("td", text: $1)) })
        }
        let notes = result.passes.flatMap { pass in pass.notes.map { "\(pass.pass): \($0)" } }
        let list = notes.reduce(SVGElement("ul")) { $0.holding(SVGElement("li", text: $1)) }
        return SVGElement("div", ["class": "scroll"]).holding(table).markup + (notes.isEmpty ? "" : list.markup)
    }

    private var curves: [LineChart] {
        result.passes.flatMap { pass in
            pass.curves.filter { $0.values.count > 1 }.map { curve in
                let points = curve.values.enumerated().map { index, value in
                    LineChart.Point(x: Double(index), y: value, remark: "\(index): \(NumberText.significant(value))")
                }
                return LineChart(
                    title: "\(pass.pass): \(curve.name)", xLabel: "number", yLabel: curve.name,
                    series: [LineChart.Series(name: curve.name, points: points)], xIsWhole: true)
            }
        }
    }
}
