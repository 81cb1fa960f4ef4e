/// Cells as people read them.
enum CellText {
    /// "0.1234 ± 0.0021", nats a token over the dense model.
    static func excess(_ cell: ComparisonCell) -> String { number(cell.excess, cell.excessStandardError) }

    static func number(_ value: Double, _ error: Double?) -> String {
        NumberText.decimal(value, places: 4) + (error.map { " ± \(NumberText.decimal($0, places: 4))" } ?? "")
    }
}

/// The comparison on standard output: a row a method, a column a budget.
struct ComparisonTable {
    let comparison: MethodComparison

    var lines: [String] {
        let dense = comparison.dense
        let tokens = dense.sequenceLosses.reduce(0) { $0 + $1.tokens }
        var lines = [
            "dense       \(CellText.number(dense.meanLoss, dense.standardError)) nats a token, "
                + "\(NumberText.grouped(tokens)) tokens in \(dense.sequenceLosses.count) sequences",
            "parameters  \(NumberText.grouped(dense.parameters)), \(NumberText.grouped(dense.linearParameters)) of them in linear layers",
            "",
            "Excess nats a token over the dense model, by the share of the linear layers' parameters that is kept:",
            "",
        ]
        lines += table.lines
        let rivalries = comparison.rivalries
        if !rivalries.isEmpty { lines.append("") }
        lines += rivalries.map(line)
        return lines
    }

    private var table: TextTable {
        var table = TextTable(
            header: ["method"] + comparison.budgets.map { "\($0)" }, rightAligned: Set(1...max(comparison.budgets.count, 1)))
        for method in comparison.methods {
            table.add([method] + comparison.budgets.map { comparison[method, $0].map(CellText.excess) ?? "–" })
        }
        return table
    }

    /// "caplet at 0.5: 0.61 × the excess of sparsegpt, difference −0.0512 ± 0.0031".
    private func line(_ rivalry: MethodComparison.Rivalry) -> String {
        let ratio = rivalry.ratio.map { "\(NumberText.decimal($0, places: 3)) × the excess of \(rivalry.rival), the best other" }
            ?? "the best other is \(rivalry.rival)"
        return "\(ComparisonMethod.own) at \(rivalry.budget): \(ratio); difference "
            + "\(CellText.number(rivalry.difference, rivalry.differenceStandardError)) nats a token"
    }
}
