/// An analysis as a page without anything from elsewhere.
struct AnalysisPage {
    let analysis: ModelAnalysis

    static let mark = "<title>An analysis by Caplet</title>"

    init(_ analysis: ModelAnalysis) { self.analysis = analysis }

    var text: String {
        let facts: [(name: String, value: String)] = [
            ("model", analysis.model),
            ("loss", "\(NumberText.significant(analysis.loss)), \(analysis.tokens) tokens in \(analysis.sequences) sequences"),
            ("noise", AnalysisText.noise(analysis)), ("time", NumberText.duration(analysis.seconds)),
        ]
        let body = [
            "<h1>\(SVGElement.escaped(analysis.model)), layer by layer</h1>", PageFrame.facts(facts), falls,
            "<h2>Layers</h2>",
            "<p>How the mean loss rises, nats a token, when one layer is changed and all others stay. Bars are standard errors.</p>",
            PageFrame.charts(names.map(layerChart)), "<h2>Blocks</h2>", PageFrame.charts(blockCharts), "<h2>Singular values</h2>",
            PageFrame.charts(spectra),
        ]
        let tried = analysis.alternatives.keys.sorted().map { "\($0): \(analysis.alternatives[$0] ?? "")" }
        return PageFrame.text(mark: AnalysisPage.mark, body: body, footer: "caplet \(Version.text); \(tried.joined(separator: "; "))")
    }

    private var names: [String] { analysis.layers.first?.effects.map(\.alternative) ?? [] }

    private var falls: String {
        AnalysisText.falls(analysis).reduce(SVGElement("ul")) { $0.holding(SVGElement("li", text: $1)) }.markup
    }

    private func layerChart(_ name: String) -> LineChart {
        var kinds: [String] = []
        for layer in analysis.layers where !kinds.contains(layer.kind) { kinds.append(layer.kind) }
        let series = kinds.map { kind in
            LineChart.Series(
                name: kind,
                points: analysis.layers.filter { $0.kind == kind }.compactMap { layer in
                    guard let effect = layer.effects.first(where: { $0.alternative == name }) else { return nil }
                    return LineChart.Point(
                        x: Double(layer.block), y: effect.rise, error: effect.standardError,
                        remark: "\(layer.name): \(AnalysisText.rise(effect))")
                })
        }
        return LineChart(
            title: analysis.alternatives[name].map { "\(name): \($0)" } ?? "\(name): the matrix is zero", xLabel: "block",
            yLabel: "rise of the loss", series: series, yIncludesZero: true, xIsWhole: true)
    }

    private var blockCharts: [LineChart] {
        func chart(_ title: String, _ yLabel: String, _ point: (ModelAnalysis.Block) -> LineChart.Point?) -> LineChart {
            LineChart(
                title: title, xLabel: "block", yLabel: yLabel,
                series: [LineChart.Series(name: yLabel, points: analysis.blocks.compactMap(point))], xIsWhole: true)
        }
        return [
            chart("Without the block", "rise of the loss") { block in
                block.removal.map { effect in
                    LineChart.Point(
                        x: Double(block.block), y: effect.rise, error: effect.standardError,
                        remark: "block \(block.block): \(AnalysisText.rise(effect))")
                }
            },
            chart("What enters a block beside what leaves it", "mean cosine") { block in
                LineChart.Point(
                    x: Double(block.block), y: block.cosine, remark: "block \(block.block): \(NumberText.significant(block.cosine))")
            },
        ]
    }

    /// Two charts a block: of the matrices, and of the low-rank parts that robust PCA finds.
    private var spectra: [LineChart] {
        let known = analysis.layers.filter { $0.spectra != nil }
        return Set(known.map(\.block)).sorted().flatMap { block -> [LineChart] in
            let own = known.filter { $0.block == block }
            return [
                spectrumChart("Block \(block), the matrices", own) { $0.whole },
                spectrumChart("Block \(block), their low-rank parts by robust PCA", own) { $0.lowRank },
            ]
        }
    }

    private func spectrumChart(
        _ title: String, _ layers: [ModelAnalysis.Layer], _ values: (ModelAnalysis.Spectra) -> [Float]
    ) -> LineChart {
        let series = layers.map { layer in
            let (all, largest) = (layer.spectra.map(values) ?? [], Double(layer.spectra?.whole.first ?? 0))
            let count = layer.spectra?.whole.count ?? 0
            return LineChart.Series(
                name: layer.kind,
                points: stride(from: 0, to: all.count, by: max(count / 64, 1)).compactMap { index in
                    guard largest > 0, all[index] > 0 else { return nil }
                    return LineChart.Point(
                        x: Double(index) / Double(count), y: Double(all[index]) / largest,
                        remark: "\(layer.name): singular value \(index + 1) of \(count) is \(NumberText.significant(Double(all[index])))")
                })
        }
        return LineChart(
            title: title, xLabel: "number, share of all", yLabel: "over the matrix's largest", series: series, yMayBeLogarithmic: true)
    }
}

/// Sentences about an analysis, on the page and on the terminal.
package enum AnalysisText {
    /// "+0.0123 ± 0.0020".
    package static func rise(_ effect: ModelAnalysis.Effect) -> String {
        let sign = effect.rise < 0 ? "−" : "+"
        let error = effect.standardError.map { " ± \(NumberText.decimal($0, places: 4))" } ?? ""
        return sign + NumberText.decimal(abs(effect.rise), places: 4) + error
    }

    /// How many changes lower the loss beyond noise, and how many would by chance.
    package static func noise(_ analysis: ModelAnalysis) -> String {
        let count = analysis.layers.reduce(0) { $0 + $1.effects.count }
        let noise = NumberText.significant(ModelAnalysis.noise)
        return
            "\(analysis.falls) of \(count) changes lower the loss by more than \(noise) standard errors; \(NumberText.decimal(analysis.fallsByChance, places: 1)) would if none did anything"
    }

    /// Where the loss falls beyond noise, the surest first.
    package static func falls(_ analysis: ModelAnalysis, most: Int = 10) -> [String] {
        let all = analysis.fallingLayers
        let lines = all.prefix(most).map { "\($0.layer.name), \($0.effect.alternative): \(rise($0.effect))" }
        return lines + (all.count > most ? ["and \(all.count - most) more"] : [])
    }
}
