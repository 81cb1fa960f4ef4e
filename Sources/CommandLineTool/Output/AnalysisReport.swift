import Caplet

/// An analysis on standard output: a row a layer, a row a block, and where the loss falls.
struct AnalysisReport {
    let analysis: ModelAnalysis

    var lines: [String] {
        let scored = "\(NumberText.grouped(analysis.tokens)) tokens in \(analysis.sequences) sequences"
        var lines = ["loss \(NumberText.decimal(analysis.loss, places: 4)), \(scored)", ""]
        lines += ["How it rises when one layer is changed, nats a token:", ""] + layers.lines
        lines += ["", "Without all linear layers of a block, and the mean cosine of what enters it and what leaves it:", ""] + blocks.lines
        let falls = AnalysisText.falls(analysis)
        return lines + ["", AnalysisText.noise(analysis) + (falls.isEmpty ? "" : ":")] + falls.map { "  \($0)" }
    }

    private var layers: TextTable {
        let names = analysis.layers.first?.effects.map(\.alternative) ?? []
        var table = TextTable(header: ["layer"] + names, rightAligned: Set(1..<names.count + 1))
        for layer in analysis.layers { table.add([layer.name] + layer.effects.map(AnalysisText.rise)) }
        return table
    }

    private var blocks: TextTable {
        var table = TextTable(header: ["block", "rise", "cosine"], rightAligned: [0, 1, 2])
        for block in analysis.blocks {
            table.add(["\(block.block)", block.removal.map(AnalysisText.rise) ?? "", NumberText.decimal(block.cosine, places: 4)])
        }
        return table
    }
}
