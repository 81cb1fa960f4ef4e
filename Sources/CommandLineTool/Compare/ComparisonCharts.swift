/// The charts of a comparison.
struct ComparisonCharts {
    private let comparison: MethodComparison

    init(_ comparison: MethodComparison) { self.comparison = comparison }

    /// Loss against parameters and against bytes, a line a method.
    var loss: [LineChart] {
        [
            chart("Excess loss against parameters", "parameters kept in linear layers, millions") { Double($0.linearParameters) / 1e6 },
            chart("Excess loss against bytes", "size as .caplet, MB") { Double($0.fileBytes) / 1e6 },
        ]
    }

    private func chart(_ title: String, _ xLabel: String, x: (ComparisonCell) -> Double) -> LineChart {
        let series = comparison.methods.sorted().map { method in
            LineChart.Series(
                name: method,
                points: comparison.cells(of: method).map { cell in
                    LineChart.Point(
                        x: x(cell), y: cell.excess, error: cell.excessStandardError,
                        remark: "\(method) \(cell.identity.budget): \(CellText.excess(cell)) nats, \(NumberText.grouped(cell.linearParameters)) parameters, "
                            + NumberText.bytes(cell.fileBytes))
                },
                stands: method == ComparisonMethod.own)
        }
        return LineChart(
            title: title, xLabel: xLabel, yLabel: "excess loss, nats a token", series: series, yIncludesZero: true, yMayBeLogarithmic: true)
    }

    /// Rank and density of Caplet's own cells, block by block, a line a kind of layer.
    var layers: [LineChart] {
        comparison.budgets.compactMap { comparison[ComparisonMethod.own, $0] }.flatMap { cell in
            [
                layerChart(cell, "Rank", "rank") { Double($0.rank) },
                layerChart(cell, "Density", "entries kept, share of all") { $0.density },
            ]
        }
    }

    private func layerChart(_ cell: ComparisonCell, _ title: String, _ yLabel: String, y: (LayerShape) -> Double) -> LineChart {
        var kinds: [String] = []
        for layer in cell.layers where layer.block != nil && !kinds.contains(layer.kind) { kinds.append(layer.kind) }
        let series = kinds.map { kind in
            LineChart.Series(name: kind, points: cell.layers.filter { $0.kind == kind }.compactMap { layer in
                layer.block.map { LineChart.Point(x: Double($0), y: y(layer), remark: "\(layer.name): rank \(layer.rank), density \(NumberText.decimal(layer.density, places: 4))") }
            })
        }
        return LineChart(
            title: "\(title) of the layers, \(ComparisonMethod.own) at \(cell.identity.budget)", xLabel: "block", yLabel: yLabel, series: series,
            yIncludesZero: true, xIsWhole: true, leastHeight: 300)
    }
}
