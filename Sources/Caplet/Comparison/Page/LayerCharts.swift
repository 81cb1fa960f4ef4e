/// Charts of what was kept of each layer: blocks along, a line a kind of layer.
enum LayerCharts {
    /// Nil when no layer has the figure.
    ///
    /// - Parameter named: of what the layers are, as the title goes on: "caplet at 0.5".
    static func chart(
        _ layers: [LayerShape], _ title: String, of named: String = "", _ yLabel: String, isWhole: Bool = false,
        y: (LayerShape) -> Double?
    ) -> LineChart? {
        guard layers.contains(where: { $0.block != nil && y($0) != nil }) else { return nil }
        var kinds: [String] = []
        for layer in layers where layer.block != nil && !kinds.contains(layer.kind) { kinds.append(layer.kind) }
        let series = kinds.map { kind in
            LineChart.Series(
                name: kind,
                points: layers.filter { $0.kind == kind }.compactMap { layer in
                    guard let block = layer.block, let value = y(layer) else { return nil }
                    let shape = "rank \(layer.rank), density \(NumberText.decimal(layer.density, places: 4))"
                    let remark = "\(layer.name): \(NumberText.significant(value)); \(shape)"
                    return LineChart.Point(x: Double(block), y: value, remark: remark)
                })
        }
        return LineChart(
            title: title + (named.isEmpty ? "" : ", \(named)"), xLabel: "block", yLabel: yLabel,
            series: series.filter { !$0.points.isEmpty },
            yIncludesZero: true, yIsWhole: isWhole, xIsWhole: true)
    }
}
