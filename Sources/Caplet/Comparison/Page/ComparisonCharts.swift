/// The charts of a comparison.
struct ComparisonCharts {
    private let comparison: MethodComparison

    init(_ comparison: MethodComparison) { self.comparison = comparison }

    /// Loss against parameters and against bytes, a line a method.
    var loss: [LineChart] {
        let bytes = chart("Excess loss against bytes, \(comparison.textName)", "size of the file, MB") { Double($0.fileBytes) / 1e6 }
        if comparison.budgetsAreBytes { return [bytes] }
        let parameters = chart("Excess loss against parameters, \(comparison.textName)", "parameters kept in linear layers, millions") {
            Double($0.linearParameters) / 1e6
        }
        return [parameters, bytes]
    }

    private func chart(_ title: String, _ xLabel: String, x: (ComparisonCell) -> Double) -> LineChart {
        let series = comparison.methods.map { method in
            LineChart.Series(
                name: method,
                points: comparison.cells(of: method).map { cell in
                    LineChart.Point(
                        x: x(cell), y: comparison.loss(cell).excess, error: comparison.loss(cell).excessStandardError,
                        remark:
                            "\(method) \(BudgetText.text(cell.identity.budget)): \(CellText.excess(comparison.loss(cell))) \(comparison.measure.rawValue), \(NumberText.grouped(cell.linearParameters)) parameters, "
                            + NumberText.bytes(cell.fileBytes))
                },
                stands: method == ComparisonMethod.own)
        }
        return LineChart(
            title: title, xLabel: xLabel, yLabel: "excess loss, \(comparison.measure.rawValue)", series: series, yIncludesZero: true,
            yMayBeLogarithmic: true)
    }

    /// Rank, density and sensitivity of Caplet's own cells, block by block, a line a kind of layer; then the dense model's spectra.
    var layers: [LineChart] {
        let own = comparison.budgets.compactMap { comparison[ComparisonMethod.own, $0] }.flatMap { cell in
            [
                layerChart(cell, "Rank", "rank") { Double($0.rank) },
                layerChart(cell, "Density", "entries kept, share of all") { $0.density },
                layerChart(cell, "Sensitivity", "rise of the loss when pruned alone") { $0.sensitivity },
            ].compactMap { $0 }
        }
        return own + spectra
    }

    /// Singular values over the largest, against their number over the count, a chart a block.
    private var spectra: [LineChart] {
        let all = comparison.dense.spectra ?? []
        return Set(all.map(\.block)).sorted().map { block in
            let series = all.filter { $0.block == block }.map { spectrum in
                let (count, largest) = (spectrum.singularValues.count, Double(spectrum.singularValues.first ?? 0))
                let shown = stride(from: 0, to: count, by: max(count / 64, 1))
                return LineChart.Series(
                    name: spectrum.kind,
                    points: shown.compactMap { index in
                        let value = Double(spectrum.singularValues[index])
                        guard largest > 0, value > 0 else { return nil }
                        let remark = "\(spectrum.name): singular value \(index + 1) of \(count) is \(NumberText.decimal(value, places: 4))"
                        return LineChart.Point(x: Double(index) / Double(count), y: value / largest, remark: remark)
                    })
            }
            return LineChart(
                title: "Singular values of block \(block), dense model", xLabel: "number, share of all", yLabel: "over the largest",
                series: series,
                yMayBeLogarithmic: true)
        }
    }

    private func layerChart(_ cell: ComparisonCell, _ title: String, _ yLabel: String, y: (LayerShape) -> Double?) -> LineChart? {
        LayerCharts.chart(
            cell.layers, "\(title) of the layers", of: "\(ComparisonMethod.own) at \(BudgetText.text(cell.identity.budget))", yLabel, y: y)
    }
}
