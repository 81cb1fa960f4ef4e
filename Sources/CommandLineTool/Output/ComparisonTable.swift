import Caplet

/// The comparison on standard output: for each text a row a method, a column a budget.
struct ComparisonTable {
    let comparison: MethodComparison

    var lines: [String] {
        let dense = comparison.dense
        let header = [
            "parameters  \(NumberText.grouped(dense.parameters)), \(NumberText.grouped(dense.linearParameters)) of them in linear layers",
            "Excess over the dense model, \(comparison.measure.rawValue), by "
                + (comparison.budgetsAreBytes ? "the largest file:" : "the share of the linear layers' parameters that is kept:"),
        ]
        return comparison.onEachText.reduce(into: header) { lines, comparison in lines += [""] + self.lines(comparison) }
    }

    private func lines(_ comparison: MethodComparison) -> [String] {
        let dense = comparison.loss(comparison.dense)
        let title =
            "\(comparison.textName): dense \(CellText.number(dense.meanLoss, dense.standardError)) \(comparison.measure.rawValue), "
            + "\(NumberText.grouped(dense.tokens)) tokens in \(dense.sequenceLosses.count) sequences"
        let rivalries = comparison.rivalries
        return [title, ""] + table(comparison).lines + (rivalries.isEmpty ? [] : [""]) + rivalries.map(line)
    }

    private func table(_ comparison: MethodComparison) -> TextTable {
        var table = TextTable(
            header: ["method"] + comparison.budgets.map(BudgetText.text), rightAligned: Set(1...max(comparison.budgets.count, 1)))
        for method in comparison.methods {
            table.add([method] + comparison.budgets.map { comparison[method, $0].map { cell(comparison, $0) } ?? "–" })
        }
        return table
    }

    /// With what was chosen under the budget.
    private func cell(_ comparison: MethodComparison, _ cell: ComparisonCell) -> String {
        CellText.excess(comparison.loss(cell)) + (cell.choice.map { " (\($0))" } ?? "")
    }

    /// "caplet at 0.5: 0.61 × the excess of sparsegpt, difference −0.0512 ± 0.0031".
    private func line(_ rivalry: MethodComparison.Rivalry) -> String {
        let ratio =
            rivalry.ratio.map { "\(NumberText.decimal($0, places: 3)) × the excess of \(rivalry.rival), the best other" }
            ?? "the best other is \(rivalry.rival)"
        return "\(ComparisonMethod.own) at \(BudgetText.text(rivalry.budget)): \(ratio); difference "
            + "\(CellText.number(rivalry.difference, rivalry.differenceStandardError)) \(comparison.measure.rawValue)"
    }
}
