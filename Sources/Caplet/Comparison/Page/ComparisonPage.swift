/// compare.html: the comparison as one page without anything from elsewhere.
struct ComparisonPage {
    let comparison: MethodComparison

    /// By which such a page is known again, in its first lines.
    static let mark = "<title>Comparison of compression methods</title>"

    init(_ comparison: MethodComparison) { self.comparison = comparison }

    var text: String {
        let dense = comparison.dense
        let facts: [(name: String, value: String)] = [
            (
                "model",
                "\(comparison.modelName): \(NumberText.grouped(dense.parameters)) parameters, \(NumberText.grouped(dense.linearParameters)) of them in linear layers"
            ),
            ("dense", "\(NumberText.bytes(dense.fileBytes)) as .caplet"),
            ("texts", comparison.inputs.texts.map(\.name).joined(separator: ", ")),
            ("time", NumberText.duration((comparison.cells + [dense]).reduce(0) { $0 + $1.seconds })),
        ]
        let body = ["<h1>Comparison of compression methods</h1>", PageFrame.facts(facts)]
        let layers = ["<h2>Layers</h2>", PageFrame.charts(ComparisonCharts(comparison).layers)]
        return PageFrame.text(mark: ComparisonPage.mark, body: body + comparison.onEachText.map(section) + layers, footer: origin)
    }

    /// What one text shows: the table, and loss against parameters and bytes.
    private func section(_ comparison: MethodComparison) -> String {
        let dense = comparison.loss(comparison.dense)
        let facts =
            "\(CellText.number(dense.meanLoss, dense.standardError)) \(comparison.measure.rawValue) for the dense model, over "
            + "\(NumberText.grouped(dense.tokens)) tokens in \(dense.sequenceLosses.count) sequences. Errors are standard errors of the differences to it, sequence by sequence."
        return """
            <h2>\(SVGElement.escaped(comparison.textName))</h2>
            <p>\(SVGElement.escaped(facts))</p>
            \(table(comparison).markup)
            \(PageFrame.charts(ComparisonCharts(comparison).loss))
            """
    }

    /// Excess, bytes and seconds of every cell; the best of each column stands out.
    private func table(_ comparison: MethodComparison) -> SVGElement {
        var table = SVGElement("table")
        let by = comparison.budgetsAreBytes ? "the largest file" : "the share of the linear layers' parameters that is kept"
        let caption =
            "Excess over the dense model, \(comparison.measure.rawValue), by \(by); below it bytes and seconds. The best of a column is in bold."
        table.append(SVGElement("caption", text: caption))
        var head = SVGElement("tr").holding(SVGElement("th", text: "method"))
        for budget in comparison.budgets { head.append(SVGElement("th", text: BudgetText.text(budget))) }
        table.append(head)
        for method in comparison.methods {
            var row = SVGElement("tr", ["class": method == ComparisonMethod.own ? "own" : "other"]).holding(SVGElement("td", text: method))
            for budget in comparison.budgets { row.append(cell(comparison, method, budget)) }
            table.append(row)
        }
        return SVGElement("div", ["class": "scroll"]).holding(table)
    }

    private func cell(_ comparison: MethodComparison, _ method: String, _ budget: Double) -> SVGElement {
        guard let cell = comparison[method, budget] else { return SVGElement("td", text: "–") }
        let facts =
            [NumberText.bytes(cell.fileBytes), "\(NumberText.decimal(cell.seconds, places: 1)) s"] + [cell.choice].compactMap { $0 }
        return SVGElement("td", ["class": comparison.winner(budget) == method ? "best" : "cell"])
            .holding(SVGElement("span", text: CellText.excess(comparison.loss(cell))))
            .holding(SVGElement("small", text: facts.joined(separator: ", ")))
    }

    private var origin: String {
        let inputs = comparison.inputs
        let calibration = inputs.calibration.map { ", calibration \($0)" } ?? ""
        return
            "caplet \(inputs.caplet), seed \(inputs.seed), context \(inputs.context); digests: model \(inputs.model)\(calibration), texts \(inputs.textList)"
    }
}
